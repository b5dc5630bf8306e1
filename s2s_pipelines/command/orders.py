"""``s2s orders``: how many there are in which state, and those that wait for a person."""

import click

from s2s_pipelines.command.catalogue import workshop


@click.command()
@click.argument("client", required=False)
def orders(client: str | None) -> None:
    """Count orders by state and show the held ones of CLIENT, or of all clients, with reason and remedy.

    To release one, launch the job `orders` in the UI with the client and the order's code.
    """
    with workshop() as opened:
        for name in [client] if client else opened.clients_with_orders():
            opened.client(name)
            counts = {state: count for state, count in opened.ledger.counts(name).items() if count}
            click.echo(f"{name}: " + (", ".join(f"{count} {state}" for state, count in counts.items()) or "no orders"))
            for order in opened.ledger.held(name):
                if order.hold is not None:
                    click.echo(
                        f"  {order.channel}:{order.channel_order_code} {order.hold.reason}: {order.hold.message}"
                    )
                    click.echo(f"    remedy: {order.hold.remedy}")
