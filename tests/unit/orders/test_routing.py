from s2s_pipelines.model.record import Hold
from s2s_pipelines.orders.routing import Route, customer_of, route
from tests.unit.orders.order_sample import channel_policy, line, order, owner, target

A = line("1", "A", 1, "50.00", "7.50")
B = line("2", "B", 2, "60.00", "9.00")
TWO = order(A, B, total="126.50")
TARGETS = {"erp_a": target("erp_a"), "erp_b": target("erp_b")}
OWNERS = {"A": owner("A", "erp_a"), "B": owner("B", "erp_b")}


def routed(placed=TWO, *, targets=TARGETS, owners=OWNERS, codes=None, **policy):
    return route(placed, channel=channel_policy(**policy), targets=targets, owners=owners, customer_codes=codes or {})


def reason(found):
    assert isinstance(found, Hold), found
    assert found.remedy
    return found.reason


def test_lines_go_to_the_sources_that_own_them():
    found = routed()
    assert isinstance(found, Route)
    assert [(r.line.sku, r.source, r.source_variant_code) for r in found.lines] == [
        ("A", "erp_a", "v-A"),
        ("B", "erp_b", "v-B"),
    ]
    assert found.customers == {"erp_a": "WEB-A", "erp_b": "WEB-B"}


def test_the_catalogues_spelling_of_a_sku_goes_onto_the_document():
    found = routed(
        order(line("1", "tee-1", 1, "1.00", "0.15"), total="1.15"), owners={"tee-1": owner("TEE-1", "erp_a")}
    )
    assert found.lines[0].sku == "TEE-1"


def test_an_unknown_sku_is_held_by_name():
    found = routed(owners={"A": owner("A", "erp_a")})
    assert reason(found) == "unknown_sku"
    assert found.message.endswith("knows B")


def test_a_line_without_sku_is_held_by_its_line():
    blank = order(line("9", " ", 1, "0.00", "0.00"), total="0.00")
    found = routed(blank)
    assert reason(found) == "line_without_sku"
    assert "9" in found.message


def test_a_sku_that_two_sources_claim_is_held():
    assert reason(routed(owners={**OWNERS, "B": owner("B", "erp_b", is_conflict=True)})) == "conflict_sku"


def test_a_source_that_takes_no_orders_is_held_unless_it_is_raised_elsewhere():
    deaf = {**TARGETS, "erp_b": target("erp_b", takes_orders=False)}
    assert reason(routed(targets=deaf)) == "source_takes_no_orders"
    assert reason(routed(targets={"erp_a": target("erp_a")})) == "source_takes_no_orders"
    elsewhere = {**TARGETS, "erp_b": target("erp_b", takes_orders=False, raised_here="not_here")}
    found = routed(targets=elsewhere)
    assert [r.line.sku for r in found.lines] == ["A"]
    assert [r.line.sku for r in found.elsewhere] == ["B"]
    assert found.customers == {"erp_a": "WEB-A"}


def test_a_kind_of_document_that_is_not_offered_is_held():
    only_invoices = {**TARGETS, "erp_a": target("erp_a", kinds=("invoice",))}
    assert reason(routed(targets=only_invoices)) == "document_kind_not_offered"


def test_a_reference_field_that_is_too_short_is_held():
    assert reason(routed(targets={**TARGETS, "erp_a": target("erp_a", reference_length=8)})) == "reference_too_short"


def test_a_buyer_without_account_is_held_where_no_default_is_declared():
    found = routed(default_customers={"erp_a": "WEB-A"})
    assert reason(found) == "no_customer"
    assert "erp_b" in found.message
    assert "@" not in found.message


def test_the_code_given_comes_before_the_address_and_the_address_before_the_default():
    codes = {"erp": {"buyer@example.com": "C042"}}
    policy = channel_policy()
    given = order(A, total="57.50", customer_code="00077")
    known = order(A, total="57.50", email=" Buyer@Example.com ")
    unknown = order(A, total="57.50", email="other@example.com")
    nobody = order(A, total="57.50", email="")
    assert customer_of(given, "erp", channel=policy, customer_codes=codes) == "00077"
    assert customer_of(known, "erp", channel=policy, customer_codes=codes) == "C042"
    assert customer_of(unknown, "erp", channel=policy, customer_codes=codes) == "WEB001"
    assert customer_of(nobody, "erp_x", channel=policy, customer_codes=codes) is None
