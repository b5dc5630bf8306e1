"""The table of routes: what is served, who may call it, which parameters are checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import coupon, customer, order, product, setting, site, term, webhook
from .batch import Batch
from .schema import FLAG, WHOLE, Arg, one_of
from .shop import Shop
from .wire import Answer, ApiError, Ask

Step = Callable[[Shop, Ask], Answer]
_FORCE = {"force": FLAG}
_CONTEXT = {"context": one_of("view", "edit")}
_REFUSALS = {
    "list": ("cannot_view", "Sorry, you cannot list resources."),
    "read": ("cannot_view", "Sorry, you cannot view this resource."),
    "create": ("cannot_create", "Sorry, you are not allowed to create resources."),
    "edit": ("cannot_edit", "Sorry, you are not allowed to edit this resource."),
    "delete": ("cannot_delete", "Sorry, you are not allowed to delete this resource."),
    "batch": ("cannot_batch", "Sorry, you are not allowed to batch manipulate this resource."),
}


@dataclass(frozen=True)
class Operation:
    """What one method of a route does."""

    step: Step
    right: str
    args: Mapping[str, Arg] = field(default_factory=dict)

    def refuse(self) -> ApiError:
        """What a stranger is told."""
        code, text = _REFUSALS[self.right]
        return ApiError(f"woocommerce_rest_{code}", text, 401)


@dataclass(frozen=True)
class Route:
    """One path with its methods."""

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]

    @property
    def allow(self) -> str:
        """Value of the ``Allow`` header."""
        known = ("GET", "POST", "PUT", "PATCH", "DELETE")
        return ", ".join(method for method in known if method in self.operations)


def _route(path: str, **operations: Operation) -> Route:
    shape = re.sub(r"\{(\w+)\}", r"(?P<\1>\\d+)", path)
    methods = dict(operations)
    edit = methods.pop("EDIT", None)
    if edit is not None:
        methods.update(POST=edit, PUT=edit, PATCH=edit)
    return Route(re.compile(f"^/wc/v3/{shape}/?$", re.I), methods)


def _collection(
    path: str, list_step: Step, create: Step, list_args: Mapping[str, Arg], args: Mapping[str, Arg]
) -> Route:
    return _route(path, GET=Operation(list_step, "list", list_args), POST=Operation(create, "create", args))


def _item(
    path: str,
    read: Step,
    update: Step,
    delete: Step,
    args: Mapping[str, Arg],
    read_args: Mapping[str, Arg] | None = None,
) -> Route:
    return _route(
        path,
        GET=Operation(read, "read", {**_CONTEXT, **(read_args or {})}),
        EDIT=Operation(update, "edit", args),
        DELETE=Operation(delete, "delete", _FORCE),
    )


def _batch(path: str, steps: Batch) -> Route:
    return _route(f"{path}/batch", EDIT=Operation(steps.run, "batch"))


def _terms(path: str, taxonomy: str) -> list[Route]:
    terms = term.Terms(taxonomy, path)
    return [
        _collection(path, terms.list_all, terms.create, term.LIST_ARGS, term.CREATE_ARGS),
        _item(f"{path}/{{id}}", terms.read, terms.update, terms.delete, term.WRITE_ARGS),
        _batch(path, Batch(terms.create, terms.update, terms.delete)),
    ]


def _products() -> list[Route]:
    own, below = "products", "products/{product_id}/variations"
    batch = Batch(product.create_product, product.update_product, product.delete_product)
    variations = Batch(product.create_variation, product.update_variation, product.delete_variation, True)
    return [
        _collection(own, product.list_products, product.create_product, product.LIST_ARGS, product.WRITE_ARGS),
        _item(f"{own}/{{id}}", product.read_product, product.update_product, product.delete_product, product.WRITE_ARGS),
        _batch(own, batch),
        _collection(below, product.list_variations, product.create_variation, product.LIST_ARGS, product.VARIATION_ARGS),
        _item(f"{below}/{{id}}", product.read_variation, product.update_variation, product.delete_variation,
              product.VARIATION_ARGS),
        _batch(below, variations),
        _collection("products/attributes", term.list_attributes, term.create_attribute, {}, term.ATTRIBUTE_ARGS),
        _item("products/attributes/{id}", term.read_attribute, term.update_attribute, term.delete_attribute,
              term.ATTRIBUTE_ARGS),
    ]  # fmt: skip


def _orders() -> list[Route]:
    return [
        _collection("orders", order.list_orders, order.create_order, order.LIST_ARGS, order.WRITE_ARGS),
        _item("orders/{id}", order.read_order, order.update_order, order.delete_order, order.WRITE_ARGS, {"dp": WHOLE}),
        _batch("orders", Batch(order.create_order, order.update_order, order.delete_order)),
        _route("orders/statuses", GET=Operation(order.list_statuses, "list")),
        _collection("orders/{order_id}/notes", order.list_notes, order.create_note, {}, order.NOTE_ARGS),
        _route("orders/{order_id}/notes/{id}", GET=Operation(order.read_note, "read"),
               DELETE=Operation(order.delete_note, "delete", _FORCE)),
        _collection("orders/{order_id}/refunds", order.list_refunds, order.create_refund, order.LIST_ARGS, order.REFUND_ARGS),
        _route("orders/{order_id}/refunds/{id}", GET=Operation(order.read_refund, "read", {"dp": WHOLE}),
               DELETE=Operation(order.delete_refund, "delete", _FORCE)),
        _route("refunds", GET=Operation(order.list_refunds, "list", order.LIST_ARGS)),
        _route("reports/orders/totals", GET=Operation(site.count_orders, "list")),
        _route("reports/products/totals", GET=Operation(site.count_products, "list")),
    ]  # fmt: skip


def _people() -> list[Route]:
    return [
        _collection("customers", customer.list_customers, customer.create_customer, customer.LIST_ARGS, customer.CREATE_ARGS),
        _item("customers/{id}", customer.read_customer, customer.update_customer, customer.delete_customer,
              customer.WRITE_ARGS),
        _batch("customers", Batch(customer.create_customer, customer.update_customer, customer.delete_customer)),
        _collection("coupons", coupon.list_coupons, coupon.create_coupon, coupon.LIST_ARGS, coupon.CREATE_ARGS),
        _item("coupons/{id}", coupon.read_coupon, coupon.update_coupon, coupon.delete_coupon, coupon.WRITE_ARGS),
        _batch("coupons", Batch(coupon.create_coupon, coupon.update_coupon, coupon.delete_coupon)),
        _collection("webhooks", webhook.list_webhooks, webhook.create_webhook, webhook.LIST_ARGS, webhook.CREATE_ARGS),
        _item("webhooks/{id}", webhook.read_webhook, webhook.update_webhook, webhook.delete_webhook, webhook.WRITE_ARGS),
    ]  # fmt: skip


def _site() -> list[Route]:
    group = r"settings/(?P<group_id>[\w-]+)"
    return [
        _route(group, GET=Operation(setting.list_settings, "list")),
        _route(
            rf"{group}/(?P<id>[\w-]+)",
            GET=Operation(setting.read_setting, "read"),
            EDIT=Operation(setting.update_setting, "edit"),
        ),
        _collection("taxes", site.list_taxes, site.create_tax, site.TAX_LIST_ARGS, site.TAX_ARGS),
        _item("taxes/{id}", site.read_tax, site.update_tax, site.delete_tax, site.TAX_ARGS),
        _route(
            "taxes/classes",
            GET=Operation(site.list_tax_classes, "list"),
            POST=Operation(site.create_tax_class, "create"),
        ),
        _route("data/currencies/current", GET=Operation(site.read_currency, "read")),
        _route("system_status", GET=Operation(site.read_status, "list")),
        _collection("shipping/zones", site.list_zones, site.create_zone, {}, {}),
        _route("shipping_methods", GET=Operation(site.list_methods, "list")),
        _route("payment_gateways", GET=Operation(site.list_gateways, "list")),
    ]


ROUTES: tuple[Route, ...] = (
    *_products(),
    *_terms("products/categories", "category"),
    *_terms("products/tags", "tag"),
    *_terms("products/attributes/{attribute_id}/terms", ""),
    *_orders(),
    *_people(),
    *_site(),
    Route(re.compile("^/?$"), {"GET": Operation(site.read_index, "list")}),
)


def find_route(method: str, path: str) -> tuple[Route, Operation, dict[str, str]]:
    """Route, operation and named parts of a path.

    Raises:
        ApiError: ``rest_no_route`` (also for a method the path does not know, WooCommerce recordings 91).
    """
    for route in ROUTES:
        match = route.pattern.match(path)
        if match is not None and method in route.operations:
            return route, route.operations[method], match.groupdict()
    raise ApiError("rest_no_route", "No route was found matching the URL and request method.", 404)
