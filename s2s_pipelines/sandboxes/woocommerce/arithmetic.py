"""Totals of an order: net lines, taxes per rate, fees, shipping and coupons, each rounded where the shop rounds.

Stored amounts carry six decimals, shown ones the shop's. Golden cases: WooCommerce recordings 54 to 67, 75.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal

from .shop import Shop, exclusive_taxes, inclusive_taxes, round6
from .wire import Json

_CENT = Decimal(100)


def plain(amount: Decimal) -> str:
    """An amount as stored: no exponent, no trailing zeros."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def shown(amount: str | Decimal, decimals: int) -> str:
    """An amount as printed, halves away from zero; a negative zero keeps its sign as the shop's does."""
    return f"{Decimal(amount).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"


def tax_country(shop: Shop, order: Json) -> str:
    """Country that decides the tax: of the delivery, else of the bill, else the shop's own."""
    return str(order["shipping"].get("country") or order["billing"].get("country") or shop.base_country)


def _rows(taxes: dict[int, Decimal]) -> dict[str, str]:
    return {str(number): plain(amount) for number, amount in taxes.items()}


def _sum_shown(shop: Shop, order: Json, taxes: dict[int, Decimal]) -> str:
    rounded = (shop.round_tax(amount, order["prices_include_tax"]) for amount in taxes.values())
    return plain(sum(rounded, Decimal(0)))


def _tax_line(shop: Shop, order: Json, line: Json) -> None:
    rates = shop.tax_rates(line["tax_class"], tax_country(shop, order)) if line["tax_status"] == "taxable" else []
    total = exclusive_taxes(Decimal(line["total"]), rates)
    subtotal = exclusive_taxes(Decimal(line["subtotal"]), rates)
    line["taxes"] = {"total": _rows(total), "subtotal": _rows(subtotal)}
    line["total_tax"] = _sum_shown(shop, order, total)
    line["subtotal_tax"] = _sum_shown(shop, order, subtotal)


def _class_costs(order: Json) -> dict[str, Decimal]:
    costs: dict[str, Decimal] = {}
    parts = [(line["tax_class"], line["tax_status"], line["total"]) for line in order["line_items"]]
    parts += [
        (fee["tax_class"], fee["tax_status"], fee["total"]) for fee in order["fee_lines"] if Decimal(fee["total"]) > 0
    ]
    parts += [("", "taxable", line["total"]) for line in order["shipping_lines"]]
    for tax_class, status, total in parts:
        name = tax_class if status == "taxable" else "non-taxable"
        costs[name] = costs.get(name, Decimal(0)) + Decimal(total)
    return costs


def _tax_fee(shop: Shop, order: Json, fee: Json) -> None:
    """Tax on a fee; a negative one is spread over the classes of what was bought."""
    country, total = tax_country(shop, order), Decimal(fee["total"])
    taxes: dict[int, Decimal] = {}
    if fee["tax_status"] == "taxable" and total >= 0:
        taxes = exclusive_taxes(total, shop.tax_rates(fee["tax_class"], country))
    elif fee["tax_status"] == "taxable":
        costs = _class_costs(order)
        whole = sum(costs.values(), Decimal(0))
        for tax_class, cost in costs.items():
            if tax_class == "non-taxable" or not whole:
                continue
            part = exclusive_taxes(total * cost / whole, shop.tax_rates(tax_class, country))
            taxes.update({number: taxes.get(number, Decimal(0)) + amount for number, amount in part.items()})
    fee["taxes"] = {"total": _rows(taxes), "subtotal": {}}
    fee["total_tax"] = _sum_shown(shop, order, taxes)


def _shipping_class(order: Json) -> str:
    classes = [line["tax_class"] for line in order["line_items"] if line["tax_status"] == "taxable"]
    return "" if "" in classes or not classes else str(classes[0])


def _tax_shipping(shop: Shop, order: Json, line: Json) -> None:
    rates = [rate for rate in shop.tax_rates(_shipping_class(order), tax_country(shop, order)) if rate["shipping"]]
    taxes = exclusive_taxes(Decimal(line["total"]), rates)
    line["taxes"] = {"total": _rows(taxes), "subtotal": {}}
    line["total_tax"] = _sum_shown(shop, order, taxes)


def _collect(shop: Shop, order: Json, groups: tuple[str, ...]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for group in groups:
        for line in order[group]:
            for number, amount in line["taxes"]["total"].items():
                rounded = shop.round_tax(Decimal(amount), order["prices_include_tax"])
                sums[number] = sums.get(number, Decimal(0)) + rounded
    return sums


def _set_taxes(shop: Shop, order: Json) -> None:
    for line in order["line_items"]:
        _tax_line(shop, order, line)
    for fee in order["fee_lines"]:
        _tax_fee(shop, order, fee)
    for line in order["shipping_lines"]:
        _tax_shipping(shop, order, line)
    cart = _collect(shop, order, ("line_items", "fee_lines"))
    freight = _collect(shop, order, ("shipping_lines",))
    held = {str(row["rate_id"]): row for row in order["tax_lines"]}
    rows = []
    for number in {**cart, **freight}:
        rate = shop.store.record("tax", int(number))
        if rate is None:
            continue
        row = held.get(number) or {"id": shop.store.next_id("item"), "rate_id": int(number)}
        pieces = [rate["country"], rate["state"], rate["name"] or "TAX", str(rate["priority"])]
        row.update(rate_code="-".join(piece for piece in pieces if piece).upper(), label=rate["name"] or "Tax")
        row.update(rate=rate["rate"], compound=rate["compound"])
        row.update(
            tax_total=plain(cart.get(number, Decimal(0))), shipping_tax_total=plain(freight.get(number, Decimal(0)))
        )
        rows.append(row)
    order["tax_lines"] = rows
    order["cart_tax"] = plain(sum(cart.values(), Decimal(0)))
    order["shipping_tax"] = plain(sum(freight.values(), Decimal(0)))


def total_up(shop: Shop, order: Json) -> None:
    """Recompute taxes, discounts and the total of an order in place."""
    _set_taxes(shop, order)
    subtotal = sum((shop.round_money(Decimal(line["subtotal"])) for line in order["line_items"]), Decimal(0))
    goods = sum((shop.round_money(Decimal(line["total"])) for line in order["line_items"]), Decimal(0))
    fees = sum((shop.round_money(Decimal(fee["total"])) for fee in order["fee_lines"]), Decimal(0))
    freight = sum((shop.round_money(Decimal(line["total"])) for line in order["shipping_lines"]), Decimal(0))
    exact = {"subtotal": Decimal(0), "total": Decimal(0)}
    for line in order["line_items"]:
        for side in exact:
            exact[side] += sum((Decimal(amount) for amount in line["taxes"][side].values()), Decimal(0))
    order["shipping_total"] = plain(freight)
    order["discount_total"] = plain(shop.round_money(subtotal - goods))
    order["discount_tax"] = plain(shop.round_tax(exact["subtotal"] - exact["total"], order["prices_include_tax"]))
    taxes = Decimal(order["cart_tax"]) + Decimal(order["shipping_tax"])
    order["total"] = shown(goods + fees + freight + taxes, shop.decimals)


class _Discounts:
    """Discounts in cents per line while coupons are applied one after another."""

    def __init__(self, order: Json) -> None:
        self.lines = []
        for line in order["line_items"]:
            price = Decimal(line["subtotal"])
            if order["prices_include_tax"]:
                price += Decimal(line["subtotal_tax"])
            self.lines.append((line, (price * _CENT).quantize(Decimal("0.0001"), ROUND_HALF_UP)))
        self.lines.sort(key=lambda pair: -pair[1])
        self.taken: dict[int, Decimal] = {line["id"]: Decimal(0) for line, _ in self.lines}

    def left(self, line: Json, price: Decimal) -> Decimal:
        return max(Decimal(0), price - self.taken[line["id"]])

    def take(self, given: dict[int, Decimal], line: Json, cents: Decimal) -> Decimal:
        cents = cents.quantize(Decimal(1), ROUND_HALF_DOWN)
        self.taken[line["id"]] += cents
        given[line["id"]] = given.get(line["id"], Decimal(0)) + cents
        return cents

    def remainder(self, given: dict[int, Decimal], cents: Decimal) -> None:
        spent = Decimal(0)
        for line, price in self.lines:
            for _ in range(max(0, line["quantity"])):
                if spent >= cents:
                    return
                spent += self.take(given, line, min(self.left(line, price), Decimal(1)))

    def percent(self, percent: Decimal) -> dict[int, Decimal]:
        given: dict[int, Decimal] = {}
        whole, spent = Decimal(0), Decimal(0)
        for line, price in self.lines:
            rounded = price.quantize(Decimal(1), ROUND_HALF_UP)
            cents = (rounded * percent / 100).quantize(Decimal(1), ROUND_FLOOR)
            spent += self.take(given, line, min(self.left(line, price), cents))
            whole += rounded
        wanted = (whole * percent / 100).quantize(Decimal(1), ROUND_HALF_DOWN)
        if spent < wanted:
            self.remainder(given, wanted - spent)
        return given

    def fixed_product(self, cents: Decimal) -> dict[int, Decimal]:
        given: dict[int, Decimal] = {}
        for line, price in self.lines:
            self.take(given, line, min(self.left(line, price), cents * line["quantity"]))
        return given

    def fixed_cart(self, cents: Decimal) -> dict[int, Decimal]:
        given: dict[int, Decimal] = {}
        rest = cents
        while rest > 0:
            priced = [(line, price) for line, price in self.lines if self.left(line, price) > 0]
            items = sum(line["quantity"] for line, _ in priced)
            each = (rest / items).quantize(Decimal(1), ROUND_FLOOR) if items else Decimal(0)
            if not each:
                self.remainder(given, rest if items else Decimal(0))
                break
            spent = Decimal(0)
            for line, price in priced:
                spent += self.take(given, line, min(self.left(line, price), each * line["quantity"]))
            rest -= spent
        return given


def apply_coupons(shop: Shop, order: Json, coupons: list[Json]) -> None:
    """Replace the order's coupons by the given stored ones: lines go back to their subtotals first, totals follow."""
    for line in order["line_items"]:
        line["total"], line["total_tax"] = line["subtotal"], line["subtotal_tax"]
    discounts = _Discounts(order)
    order["coupon_lines"] = []
    for coupon in coupons:
        cents = (Decimal(coupon["amount"]) * _CENT).quantize(Decimal(1), ROUND_HALF_UP)
        if coupon["discount_type"] == "percent":
            given = discounts.percent(Decimal(coupon["amount"]))
        elif coupon["discount_type"] == "fixed_product":
            given = discounts.fixed_product(cents)
        else:
            given = discounts.fixed_cart(cents)
        order["coupon_lines"].append(_coupon_line(shop, order, coupon, given))
    for line, _ in discounts.lines:
        _discount_line(shop, order, line, discounts.taken[line["id"]] / _CENT)
    total_up(shop, order)


def _line_rates(shop: Shop, order: Json, line: Json) -> list[Json]:
    return shop.tax_rates(line["tax_class"], tax_country(shop, order)) if line["tax_status"] == "taxable" else []


def _discount_line(shop: Shop, order: Json, line: Json, amount: Decimal) -> None:
    if order["prices_include_tax"]:
        amount -= sum(inclusive_taxes(amount, _line_rates(shop, order, line)).values())
    line["total"] = plain(max(Decimal(0), round6(Decimal(line["total"]) - amount)))


def _coupon_line(shop: Shop, order: Json, coupon: Json, given: dict[int, Decimal]) -> Json:
    discount, tax = Decimal(0), Decimal(0)
    for line in order["line_items"]:
        amount = given.get(line["id"], Decimal(0)) / _CENT
        rates = _line_rates(shop, order, line)
        find = inclusive_taxes if order["prices_include_tax"] else exclusive_taxes
        part = shop.round_tax(sum(find(amount, rates).values(), Decimal(0)), order["prices_include_tax"])
        tax += part
        discount += amount - part if order["prices_include_tax"] else amount
    return {
        "id": shop.store.next_id("item"), "code": coupon["code"], "discount": plain(discount), "discount_tax": plain(tax),
        "coupon_id": coupon["id"], "discount_type": coupon["discount_type"], "nominal_amount": coupon["amount"],
        "free_shipping": coupon["free_shipping"], "meta_id": shop.store.next_id("meta"),
    }  # fmt: skip
