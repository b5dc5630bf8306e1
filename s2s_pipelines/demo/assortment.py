"""An invented assortment, the same for the same seed, and as messy as life where a test of the system wants it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

ADJECTIVES = (
    "Baviaans", "Cederberg", "Drakensberg", "Fynbos", "Hantam", "Kalahari", "Karoo", "Klipdrift", "Langkloof", "Namaqua",
    "Outeniqua", "Richtersveld", "Sandveld", "Springbok", "Swartberg", "Tankwa", "Tsitsikamma", "Waterberg", "Winterhoek",
)  # fmt: skip
GOODS = {
    "Camping": (
        "Tent",
        "Ground Sheet",
        "Camp Stove",
        "Lantern",
        "Cooler Box",
        "Folding Chair",
        "Water Carrier",
        "Gazebo",
    ),
    "Hiking": ("Rucksack", "Trekking Pole", "Hydration Pack", "Map Case", "Gaiter Pair", "Head Torch"),
    "Kitchen": ("Potjie", "Braai Grid", "Enamel Mug", "Kettle", "Skottel", "Chopping Board", "Spice Tin"),
    "Vehicle": ("Recovery Strap", "Air Compressor", "Roof Bag", "Jerry Can", "Tow Shackle", "Drawer Mat"),
}
WEAR = (
    "Fleece",
    "Rain Jacket",
    "Bush Shirt",
    "Trail Shorts",
    "Base Layer",
    "Softshell",
    "Zip Hoodie",
    "Cargo Trousers",
)
COLOURS = ("Sand", "Olive", "Charcoal", "Rust", "Sky")
SIZES = ("S", "M", "L", "XL")


@dataclass(frozen=True, slots=True)
class Item:
    """One sku as a person in the stock room would write it on a card.

    Attributes:
        style: the code all variations of one product share; the sku itself for a simple product.
        price: tax inclusive, in rand.
        on_hand: units.
        mass_g: grams.
    """

    sku: str
    style: str
    title: str
    category: str
    colour: str
    size: str
    price: Decimal
    on_hand: int
    barcode: str
    mass_g: int

    @property
    def is_variation(self) -> bool:
        """Whether it has sisters in other colours or sizes."""
        return self.sku != self.style


def simple_items(rng: random.Random, count: int, prefix: str) -> Iterator[Item]:
    """Products of one sku each, numbered from 1."""
    for number in range(1, count + 1):
        category = rng.choice(tuple(GOODS))
        noun = rng.choice(GOODS[category])
        sku = f"{prefix}{number:05d}"
        # every ninth code is all digits with leading zeros, as many stock rooms have them
        if number % 9 == 0:
            sku = f"00{ord(prefix[0])}{number:05d}"
        title = f"{rng.choice(ADJECTIVES)} {noun} {number}"
        yield Item(
            sku,
            sku,
            title,
            category,
            "",
            "",
            _price(rng, 39, 4999),
            _stock(rng),
            _barcode(rng),
            rng.randrange(50, 20000),
        )


def wear_items(rng: random.Random, styles: int, prefix: str) -> Iterator[Item]:
    """Clothing in two colours and three sizes: six skus a style."""
    for number in range(1, styles + 1):
        style = f"{prefix}W{number:04d}"
        title = f"{rng.choice(ADJECTIVES)} {rng.choice(WEAR)} {number}"
        price = _price(rng, 199, 1999)
        for colour in rng.sample(COLOURS, 2):
            for size in rng.sample(SIZES, 3):
                sku = f"{style}-{colour[:3].upper()}-{size}"
                yield Item(
                    sku,
                    style,
                    title,
                    "Clothing",
                    colour,
                    size,
                    price,
                    _stock(rng),
                    _barcode(rng),
                    rng.randrange(150, 1200),
                )


def _price(rng: random.Random, low: int, high: int) -> Decimal:
    return Decimal(rng.randrange(low, high)) + rng.choice(
        (Decimal("0.00"), Decimal("0.95"), Decimal("0.99"), Decimal("0.50"))
    )


def _stock(rng: random.Random) -> int:
    return 0 if rng.random() < 0.08 else rng.randrange(8, 240)


def _barcode(rng: random.Random) -> str:
    digits = "600" + "".join(str(rng.randrange(10)) for _ in range(9))
    weighted = sum(int(d) * (3 if place % 2 else 1) for place, d in enumerate(digits))
    return digits + str(-weighted % 10)
