"""What a real shop does to products, in tests of our own: the facts of WooCommerce recordings 13 to 52 and 89 to 92."""

import time
from typing import Any

import pytest
import requests

from s2s_pipelines.sandboxes.woocommerce import WooSandbox

from .conftest import OWNER, Caller


def variable(caller: Caller, sku: str = "TEE") -> dict[str, Any]:
    attributes = [
        {"name": "Colour", "variation": True, "options": ["Red", "Blue"]},
        {"name": "Size", "variation": True, "options": ["S", "M"]},
    ]
    made: dict[str, Any] = caller.post(
        "products", {"name": "Tee", "type": "variable", "sku": sku, "attributes": attributes}
    )
    return made


def variation(sku: str, price: str = "10", **options: str) -> dict[str, Any]:
    attributes = [{"name": name, "option": option} for name, option in options.items()]
    return {"sku": sku, "regular_price": price, "attributes": attributes}


def test_price_is_shown_net_and_stock_status_follows_the_quantity(mug: dict[str, Any]) -> None:
    assert mug["price"] == "115.00"
    assert ">100.00<" in mug["price_html"].replace("</span>", ">")
    assert (mug["stock_status"], mug["stock_quantity"]) == ("instock", 10)


@pytest.mark.parametrize("sku", ["MUG", "mug", " Mug "])
def test_code_in_use_is_refused_with_the_holder_and_a_free_one(caller: Caller, mug: dict[str, Any], sku: str) -> None:
    answer = caller.ask("POST", "products", {"name": "Other", "sku": sku})
    assert answer.status_code == 400
    assert answer.json()["code"] == "product_invalid_sku"
    assert answer.json()["data"]["resource_id"] == mug["id"]
    assert answer.json()["data"]["unique_sku"] == f"{sku.strip()}-1"


def test_code_in_the_bin_blocks_with_another_refusal_until_deleted_for_good(
    caller: Caller, mug: dict[str, Any]
) -> None:
    before = caller.delete(f"products/{mug['id']}")
    assert before["status"] == "publish"
    assert caller.get("products", sku="MUG") == []
    assert caller.get("products", sku="MUG", status="trash")[0]["id"] == mug["id"]
    refused = caller.ask("POST", "products", {"name": "Again", "sku": "MUG"})
    assert refused.json()["code"] == "woocommerce_rest_product_not_created"
    assert caller.ask("DELETE", f"products/{mug['id']}").status_code == 410
    caller.delete(f"products/{mug['id']}", force="true")
    assert caller.post("products", {"name": "Again", "sku": "MUG"})["sku"] == "MUG"


def test_single_calls_check_types_and_batches_do_not(caller: Caller) -> None:
    wrong = {"name": "x", "sku": "X", "regular_price": 10}
    assert caller.ask("POST", "products", wrong).json()["data"]["params"] == {
        "regular_price": "regular_price is not of type string."
    }
    made = caller.post("products/batch", {"create": [wrong, {"name": "y", "sku": "Y", "type": "nope"}]})["create"]
    assert (made[0]["regular_price"], made[1]["type"]) == ("10", "simple")


def test_batch_reports_each_item_in_its_place(caller: Caller, mug: dict[str, Any]) -> None:
    body = {
        "create": [{"name": "Good", "sku": "G"}, {"name": "Dup", "sku": "MUG"}, {"name": "Twice", "sku": "G"}],
        "update": [{"id": mug["id"], "stock_quantity": 3}, {"id": 999_999}, {"sku": "MUG"}],
        "delete": [888_888],
    }
    answer = caller.post("products/batch", body)
    assert [item["id"] for item in answer["create"][1:]] == [0, 0]
    assert answer["create"][2]["error"]["data"]["resource_id"] == answer["create"][0]["id"]
    assert answer["update"][0]["stock_quantity"] == 3
    assert [(item["id"], item["error"]["data"]["status"]) for item in answer["update"][1:]] == [
        (999_999, 400),
        (None, 400),
    ]
    assert answer["delete"][0]["error"]["data"]["status"] == 404


def test_batch_of_a_hundred_and_one_stores_nothing(caller: Caller, sandbox: WooSandbox) -> None:
    answer = caller.ask("POST", "products/batch", {"create": [{"name": "x"}] * 101})
    assert answer.status_code == 413
    assert sandbox.tables.product_count() == 0
    assert caller.post("products/batch", {}) == []


def test_batch_with_an_object_for_a_list_dies_after_making_a_product(caller: Caller, sandbox: WooSandbox) -> None:
    assert caller.ask("POST", "products/batch", {"create": {"name": "x"}}).status_code == 500
    assert sandbox.tables.product_count() == 1


def test_batch_of_a_hundred_takes_well_under_a_second(caller: Caller) -> None:
    items = [{"name": f"P {number}", "sku": f"P{number}", "regular_price": "1"} for number in range(100)]
    started = time.process_time()
    made = caller.post("products/batch", {"create": items})["create"]
    updates = [{"id": item["id"], "regular_price": "2"} for item in made]
    assert {item["price"] for item in caller.post("products/batch", {"update": updates})["update"]} == {"2"}
    assert time.process_time() - started < 2.0


def test_nothing_at_all_still_makes_a_product(caller: Caller, sandbox: WooSandbox) -> None:
    assert caller.post("products", {})["name"] == "Product"
    address = f"{sandbox.url}/wp-json/wc/v3/products"
    for content_type, data in (
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("text/plain", b'{"name":"n"}'),
    ):
        answer = caller.session.post(address, data=data, headers={"Content-Type": content_type}, timeout=5)
        assert (answer.status_code, answer.json()["name"]) == (201, "Product")
    assert (
        caller.session.post(
            address, data=b'"text"', headers={"Content-Type": "application/json"}, timeout=5
        ).status_code
        == 500
    )
    for broken in (b'{"a":1,}', b'{"a":', b"\xff{}", b'{"a":"\\ud800"}', b"\xef\xbb\xbf{}"):
        answer = caller.session.post(address, data=broken, headers={"Content-Type": "application/json"}, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_json")


def test_form_bodies_are_understood(caller: Caller, sandbox: WooSandbox) -> None:
    answer = caller.session.post(
        f"{sandbox.url}/wp-json/wc/v3/products", data={"name": "Form", "regular_price": "5"}, timeout=5
    )
    assert answer.json()["regular_price"] == "5"


def test_unknown_id_is_404_to_read_and_400_to_change(caller: Caller) -> None:
    statuses = [caller.ask(method, "products/999", {}).status_code for method in ("GET", "PUT", "DELETE")]
    assert statuses == [404, 400, 404]
    assert caller.ask("GET", "nope").json()["code"] == "rest_no_route"
    assert caller.ask("DELETE", "products").status_code == 404


def test_sale_price_not_below_the_regular_one_is_dropped_silently(caller: Caller, mug: dict[str, Any]) -> None:
    path = f"products/{mug['id']}"
    assert caller.put(path, {"sale_price": "99.00"})["price"] == "99.00"
    later = caller.put(path, {"date_on_sale_from": "2027-02-01T00:00:00", "date_on_sale_to": "2027-02-28T00:00:00"})
    assert (later["price"], later["on_sale"], later["date_on_sale_from_gmt"]) == (
        "115.00",
        False,
        "2027-01-31T22:00:00",
    )
    equal = caller.put(path, {"sale_price": "115.00", "date_on_sale_from": None})
    assert (equal["sale_price"], equal["date_on_sale_from"]) == ("", "2027-02-01T00:00:00")


def test_quantity_takes_whole_numbers_only(caller: Caller, mug: dict[str, Any]) -> None:
    path = f"products/{mug['id']}"
    assert [caller.ask("PUT", path, {"stock_quantity": value}).status_code for value in (2.5, "7.9", "x", True)] == [
        400
    ] * 4
    assert caller.put(path, {"stock_quantity": "7"})["stock_quantity"] == 7
    assert caller.put(path, {"stock_quantity": None})["stock_status"] == "outofstock"
    assert caller.put(path, {"stock_quantity": -3})["stock_quantity"] == -3
    assert caller.put(path, {"backorders": "notify"})["stock_status"] == "onbackorder"
    unmanaged = caller.put(path, {"manage_stock": False, "stock_quantity": 9})
    assert unmanaged["stock_quantity"] is None


def test_variations_accept_what_the_parent_lacks(caller: Caller) -> None:
    parent = variable(caller)
    path = f"products/{parent['id']}/variations"
    batch = {"create": [
        variation("R-S", "30", Colour="Red", Size="S"), variation("ODD", "20", Colour="Mauve"), variation("NONE"),
        variation("FLAVOUR", Flavour="Salt"), variation("R-S"),
    ], "delete": [777]}  # fmt: skip
    answer = caller.post(f"{path}/batch", batch)
    assert [item.get("name") for item in answer["create"]] == ["Red, S", "Mauve", "", "", None]
    assert answer["create"][4]["error"]["code"] == "product_invalid_sku"
    assert answer["delete"][0]["id"] == {"id": 777, "product_id": parent["id"], "force": True}
    after = caller.get(f"products/{parent['id']}")
    assert (after["price"], len(after["variations"]), after["stock_status"]) == ("10", 4, "instock")
    assert "Price range" in after["price_html"]


def test_variation_is_read_but_not_written_as_a_product(caller: Caller) -> None:
    parent = variable(caller)
    made = caller.post(f"products/{parent['id']}/variations", variation("R-S", "30", Colour="Red", Size="S"))
    assert caller.get(f"products/{made['id']}")["name"] == "Tee - Red, S"
    assert caller.ask("PUT", f"products/{made['id']}", {"regular_price": "1"}).status_code == 404
    assert caller.get("products", sku="r-s,NOPE")[0]["parent_id"] == parent["id"]
    assert [row["sku"] for row in caller.get("products")] == ["TEE"]


def test_replacing_the_parents_attributes_rewrites_what_variations_show(caller: Caller) -> None:
    parent = variable(caller)
    path = f"products/{parent['id']}"
    made = caller.post(f"{path}/variations", variation("R-S", "30", Colour="Red", Size="S"))
    size = {"name": "Size", "variation": True, "options": ["S"]}
    colour = {"name": "Colour", "variation": True, "options": ["Red"]}
    caller.put(path, {"attributes": [size]})
    assert caller.get(f"{path}/variations/{made['id']}")["name"] == "S"
    caller.put(path, {"attributes": [colour, size]})
    assert caller.get(f"{path}/variations/{made['id']}")["name"] == "S, Red"


def test_parent_ignores_prices_and_lends_its_stock(caller: Caller) -> None:
    parent = variable(caller)
    path = f"products/{parent['id']}"
    assert caller.put(path, {"regular_price": "99"})["regular_price"] == ""
    caller.put(path, {"manage_stock": True, "stock_quantity": 40})
    made = caller.post(f"{path}/variations", variation("R-S", "30", Colour="Red"))
    assert (made["manage_stock"], made["stock_quantity"]) == ("parent", 40)


def test_variation_is_binned_and_then_gone(caller: Caller) -> None:
    parent = variable(caller)
    path = f"products/{parent['id']}/variations"
    made = caller.post(path, variation("R-S", "30", Colour="Red"))
    assert caller.delete(f"{path}/{made['id']}")["status"] == "publish"
    assert caller.get(path) == []
    assert caller.delete(f"{path}/{made['id']}", force="true")["status"] == "trash"
    assert caller.ask("GET", f"{path}/{made['id']}").status_code == 404


def test_every_save_moves_the_stamp_and_a_variation_moves_its_parent(caller: Caller, sandbox: WooSandbox) -> None:
    parent = variable(caller)
    made = caller.post(f"products/{parent['id']}/variations", variation("R-S", "30", Colour="Red"))
    sandbox.clock.advance(60)
    changed = caller.put(f"products/{parent['id']}/variations/{made['id']}", {"regular_price": "31"})
    assert caller.get(f"products/{parent['id']}")["date_modified_gmt"] == changed["date_modified_gmt"]
    sandbox.clock.advance(60)
    assert caller.put(f"products/{parent['id']}", {})["date_modified_gmt"] > changed["date_modified_gmt"]


def test_modified_after_leaves_out_the_stamp_itself(caller: Caller, sandbox: WooSandbox, mug: dict[str, Any]) -> None:
    stamp = mug["date_modified_gmt"]
    sandbox.clock.advance(10)
    later = caller.post("products", {"name": "Later"})

    def found(after: str, **more: str) -> list[int]:
        return [row["id"] for row in caller.get("products", modified_after=after, orderby="id", order="asc", **more)]

    assert found(stamp, dates_are_gmt="true") == [later["id"]]
    assert found(mug["date_modified"]) == [later["id"]]
    assert found(f"{stamp}Z") == [later["id"]]
    assert found(f"{stamp}Z", dates_are_gmt="true") == []
    assert caller.ask("GET", "products", modified_after="2026-12-31").status_code == 400


def test_walking_pages_over_equal_stamps_may_lose_rows(caller: Caller) -> None:
    """A poller that trusts pages ordered by stamp would be caught here."""
    items = [{"name": f"P {number}", "sku": f"P{number}"} for number in range(40)]
    caller.post("products/batch", {"create": items})
    query = {"orderby": "modified", "order": "asc", "per_page": 10, "_fields": "id"}
    walked = [row["id"] for page in range(1, 5) for row in caller.get("products", page=page, **query)]
    assert len(walked) == 40
    assert len(set(walked)) < 40
    by_id = [
        row["id"] for page in range(1, 5) for row in caller.get("products", page=page, **{**query, "orderby": "id"})
    ]
    assert len(set(by_id)) == 40


def test_counts_past_the_end(caller: Caller, mug: dict[str, Any]) -> None:
    past = caller.ask("GET", "products", page=9)
    assert (past.json(), past.headers["X-WP-Total"]) == ([], "1")
    assert caller.ask("GET", "products", offset=5).headers["X-WP-Total"] == "0"
    assert [caller.ask("GET", "products", page=page).status_code for page in (0, -1)] == [400, 400]
    assert [caller.ask("GET", "products", per_page=size).status_code for size in (0, 101)] == [400, 400]


def test_code_with_a_comma_is_still_found_whole(caller: Caller, mug: dict[str, Any]) -> None:
    made = caller.post("products", {"name": "Comma", "sku": "A,B"})
    assert [row["id"] for row in caller.get("products", sku="A,B")] == [made["id"]]
    assert {row["id"] for row in caller.get("products", sku="MUG,A,B")} == {mug["id"]}


def test_same_image_address_makes_new_media_and_a_bad_one_stores_nothing(caller: Caller, mug: dict[str, Any]) -> None:
    path = f"products/{mug['id']}"
    first = caller.put(path, {"images": [{"src": "http://images.example/a.png"}]})["images"][0]
    second = caller.put(path, {"images": [{"src": "http://images.example/a.png"}]})["images"][0]
    assert first["id"] != second["id"]
    assert second["src"].endswith("/a-1.png")
    assert [image["id"] for image in caller.put(path, {"images": [{"id": first["id"]}]})["images"]] == [first["id"]]
    for bad in ("http://images.example/missing.png", "http://nowhere.example/a.png", "http://images.example/a.svg", ""):
        refused = caller.ask("PUT", path, {"name": "Changed", "images": [{"src": bad}]})
        assert refused.json()["code"] == "woocommerce_product_image_upload_error"
    assert caller.get(path)["name"] == "Mug"


def test_categories_are_taken_by_known_id_only(caller: Caller, mug: dict[str, Any]) -> None:
    made = caller.post("products/categories", {"name": "Kitchen & Home"})
    assert (made["name"], made["slug"]) == ("Kitchen &amp; Home", "kitchen-home")
    again = caller.ask("POST", "products/categories", {"name": "kitchen & home"})
    assert (again.json()["code"], again.json()["data"]["resource_id"]) == ("term_exists", made["id"])
    path = f"products/{mug['id']}"
    assert caller.put(path, {"categories": [{"id": made["id"]}]})["categories"][0]["id"] == made["id"]
    for lost in ([{"name": "Kitchen & Home"}], [{"id": 999}], []):
        assert caller.put(path, {"categories": lost})["categories"][0]["slug"] == "uncategorized"
    assert caller.put(path, {"tags": [{"name": "new"}]})["tags"][0]["slug"] == "new"


def test_shop_wide_attributes_make_terms_and_a_pipe_splits_local_options(caller: Caller, mug: dict[str, Any]) -> None:
    brand = caller.post("products/attributes", {"name": "Brand"})
    assert brand["slug"] == "pa_brand"
    sent = [{"id": brand["id"], "options": ["Acme"]}, {"name": "Material", "options": ["Steel | glass"]}]
    shown = caller.put(f"products/{mug['id']}", {"attributes": sent})["attributes"]
    assert [row["options"] for row in shown] == [["Acme"], ["Steel", "glass"]]
    assert [term["name"] for term in caller.get(f"products/attributes/{brand['id']}/terms")] == ["Acme"]


def test_meta_is_merged_by_key_and_an_internal_key_changes_its_field(caller: Caller, mug: dict[str, Any]) -> None:
    path = f"products/{mug['id']}"

    def put(*entries: dict[str, Any]) -> dict[str, Any]:
        held = caller.put(path, {"meta_data": list(entries)})["meta_data"]
        return {entry["key"]: entry["value"] for entry in held}

    assert put({"key": "code", "value": "E1"}, {"key": "n", "value": 5}, {"key": "t", "value": True}) == {
        "code": "E1", "n": "5", "t": "1",
    }  # fmt: skip
    assert put({"key": "code", "value": "E2"})["code"] == "E2"
    assert "code" not in put({"key": "code", "value": None})
    assert "_sku" not in put({"key": "_sku", "value": "TAKEN-OVER"})
    assert caller.get(path)["sku"] == "TAKEN-OVER"


def test_reading_adds_paragraphs_that_editing_does_not_show(caller: Caller) -> None:
    made = caller.post("products", {"name": "A & B", "description": "one\ntwo<script>x</script>"})
    assert (made["name"], made["description"]) == ("A &amp; B", "one\ntwox")
    assert caller.get(f"products/{made['id']}")["description"] == "<p>one<br />\ntwox</p>\n"
    assert caller.get(f"products/{made['id']}", context="edit")["description"] == "one\ntwox"


def test_text_longer_than_its_column_kills_the_request(caller: Caller, sandbox: WooSandbox) -> None:
    assert caller.ask("POST", "products", {"name": "N" * 70_000}).status_code == 500
    assert caller.ask("POST", "products", {"name": "x", "short_description": "😀" * 20_000}).status_code == 500
    assert sandbox.tables.product_count() == 0
    assert caller.post("products", {"name": "x", "sku": "S" * 300})["sku"] == "S" * 300


def test_two_thousand_products_page_quickly(caller: Caller, sandbox: WooSandbox) -> None:
    for start in range(0, 2000, 100):
        items = [
            {"name": f"P {number}", "sku": f"P{number}", "regular_price": "1"} for number in range(start, start + 100)
        ]
        caller.post("products/batch", {"create": items}, _fields="create")
    started = time.process_time()
    seen = [
        row["sku"] for page in range(1, 21) for row in caller.get("products", page=page, per_page=100, orderby="id")
    ]
    assert len(set(seen)) == 2000
    assert time.process_time() - started < 15
    assert len(sandbox.tables.products()) == 2000


def test_parallel_callers_never_share_a_code(sandbox: WooSandbox) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def create(number: int) -> int:
        body = {"name": f"P {number}", "sku": f"SAME-{number % 5}"}
        headers = {"X-Forwarded-Proto": "https"}
        answer = requests.post(
            f"{sandbox.url}/wp-json/wc/v3/products", json=body, auth=OWNER, headers=headers, timeout=20
        )
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, range(40)))
    assert (statuses.count(201), statuses.count(400)) == (5, 35)
    assert sandbox.tables.product_count() == 5
