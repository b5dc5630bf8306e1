from decimal import Decimal

import pyarrow as pa

from s2s_pipelines.catalogue.breaker import Listed, judge
from s2s_pipelines.catalogue.policy import Breakers


class _Plan:
    changes = pa.table(
        {
            "level": ["variant"] * 2, "action": ["update"] * 2, "field": ["barcode", "price"],
            "before": ["6008176389015", "10.00"], "after": ["6008176389022", "20.00"],
        }
    )  # fmt: skip


def test_changed_barcode_of_thirteen_digits_does_not_end_the_judgement():
    assert judge(_Plan(), Listed(10, 10), Breakers())["price_change"].measured == Decimal("0.1")
