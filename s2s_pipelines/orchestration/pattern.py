"""One op for all clients of the same pattern.

Making the op of a client's assets takes Dagster milliseconds: for signatures, for the schema of its config, for the type of each
of two dozen outputs. Clients who declare the same feeds have the same op but for its name, so it is made once and copied.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import dagster as dg


def client_of(context: dg.AssetExecutionContext) -> str:
    """The client whose assets or checks a step was asked for."""
    keys = {*context.selected_asset_keys, *(check.asset_key for check in context.selected_asset_check_keys)}
    (client,) = {str(key.path[0]) for key in keys}
    return client


class Pattern:
    """Assets that many clients have under their own names.

    Args:
        made: a client's assets, as ``dagster.multi_asset`` made them; of its keys the first part is the client's name.
    """

    def __init__(self, made: dg.AssetsDefinition) -> None:
        self._made = made

    def of(
        self, client: str, op_name: str, specs: Sequence[dg.AssetSpec], checks: Iterable[dg.AssetCheckSpec]
    ) -> dg.AssetsDefinition:
        """The same for another client.

        Args:
            client: its name.
            op_name: the name of its op.
            specs: of its assets.
            checks: on them, all that the pattern has.
        """

        def own(key: dg.AssetKey) -> dg.AssetKey:
            return dg.AssetKey([client, *key.path[1:]])

        made, by_key = self._made, {check.key: check for check in checks}
        op = copy.copy(made.op)
        op._name = op_name  # ``with_replaced_properties`` would resolve every output anew, which is what takes so long
        computation = made.node_check_specs_by_output_name.items()
        return dg.AssetsDefinition(
            keys_by_input_name={name: own(key) for name, key in made.node_keys_by_input_name.items()},
            keys_by_output_name={name: own(key) for name, key in made.node_keys_by_output_name.items()},
            node_def=op,
            can_subset=made.can_subset,
            backfill_policy=made.backfill_policy,
            specs=specs,
            check_specs_by_output_name={
                name: by_key[dg.AssetCheckKey(own(spec.asset_key), spec.name)] for name, spec in computation
            },
        )


_patterns: dict[tuple[Any, ...], Pattern] = {}


def pattern(shape: tuple[Any, ...], make: Callable[[], dg.AssetsDefinition]) -> Pattern:
    """The pattern of a shape, made at its first use.

    Args:
        shape: everything about the assets that ``make`` looks at, but for the client's name.
        make: makes them for the client at hand.
    """
    known = _patterns.get(shape)
    if known is None:
        known = _patterns[shape] = Pattern(make())
    return known
