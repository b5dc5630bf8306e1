"""WooCommerce, over its REST interface ``wc/v3``.

Facts: 98 recorded scenarios of a real shop (WooCommerce 10.0.2 on WordPress 6.8.7) and the channel research, section 2; each
helper module beside this one names the recordings it rests on. In short: batches of 100 with an answer per item, prices as text
in the tax basis the shop is set to, stamps with whole seconds, line totals always net.

- How credentials travel: over https as Basic credentials, or in the query for hosts that strip the header; over plain http the
  shop takes only OAuth 1.0a.
- Hiding makes a product a draft and a variation private; both keep their ids, sku and pictures.
- An order that a person bins or deletes in the shop stops appearing in polls; nothing tells of it (recordings 80).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from s2s_pipelines.config.secret import Address, SecretRef, read_address
from s2s_pipelines.connectors.channels.woocommerce.api import AuthMode, WooApi, shop_auth
from s2s_pipelines.connectors.channels.woocommerce.desk import NewStatus, PushTerms
from s2s_pipelines.connectors.channels.woocommerce.item import GRAMS, CategorySource
from s2s_pipelines.connectors.channels.woocommerce.order import translate_order
from s2s_pipelines.connectors.channels.woocommerce.poll import changed_orders, one_order, orders_created, start_at
from s2s_pipelines.connectors.channels.woocommerce.push import push_changes
from s2s_pipelines.connectors.channels.woocommerce.receipt import ReceiptWriter
from s2s_pipelines.connectors.kit.http import HttpClient, Limits
from s2s_pipelines.errors import ConfigurationError, S2SError
from s2s_pipelines.model.change import Outcome, ProductChange
from s2s_pipelines.model.declared import Declared
from s2s_pipelines.model.money import PriceTerms
from s2s_pipelines.model.order import ChannelOrder, Receipt
from s2s_pipelines.ports import BuildContext, Connector, Manifest, OrderPage, Page, RawOrder, Verified

MANIFEST = Manifest(
    kind="woocommerce",
    role="channel",
    label="WooCommerce",
    capabilities=frozenset({"products", "stock", "prices", "orders"}),
    verified_against=(
        Verified("documentation", "REST API wc/v3", "2026-11-21"),
        Verified("recordings", "WooCommerce 10.0.2", "2026-11-21", "a real shop's answers, replayed"),
        Verified("emulator", "the project's own sandbox", "2026-11-21"),
    ),
    option_limit=3,
)


class Settings(Declared):
    """Connection to one shop."""

    kind: Literal["woocommerce"]
    url: Address
    """The shop's address, as WordPress itself knows it, such as ``https://shop.example``; or ``{env: NAME}``."""
    consumer_key: SecretRef
    """``ck_...``, with read and write rights."""
    consumer_secret: SecretRef
    """``cs_...``."""
    auth: Literal["auto", "basic", "query", "oauth1"] = "auto"
    """How the keys travel; ``auto`` is ``basic`` over https and ``oauth1`` over http."""
    is_https_outside: bool = False
    """The address is http, inside a private network, but the shop stands behind a proxy that speaks https."""
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 60
    """Seconds to wait for an answer."""
    image_timeout_s: Annotated[float, Field(gt=0, le=900)] = 180
    """The same while the shop fetches images."""
    batch_size: Annotated[int, Field(ge=1, le=100)] = 100
    """Items sent at once; fewer for slow hosts."""
    new_status: NewStatus = "publish"
    """What a product that we make begins with."""
    category_from: CategorySource = "collection"
    """The field shown as a category, its levels parted by ``>``; the other one becomes meta."""
    customer_code_meta_key: str | None = None
    """The order meta in which the shop keeps the buyer's account in the ERP."""
    receipt_meta_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{2,40}$")] = "_s2s_"
    """Order meta that says under which number a source took the order: this and the source's key."""
    has_receipt_note: bool = True
    """Whether a private order note says the same to people."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: Address) -> Address:
        return _cleaned(url) if isinstance(url, str) else url

    @model_validator(mode="after")
    def _keeps_secrets(self) -> Self:
        if isinstance(self.url, str):
            self.auth_mode(self.url)
        return self

    def address(self) -> str:
        """The shop's address, read now.

        Raises:
            ConfigurationError: it is named and not there, or not an address.
        """
        try:
            return _cleaned(read_address(self.url))
        except ValueError as error:
            raise ConfigurationError(f"the shop's address {error}", next_step="correct url of the connection") from None

    def auth_mode(self, address: str) -> AuthMode:
        """How the keys travel to that address, decided.

        Raises:
            ValueError: they would travel readable.
        """
        is_https = address.startswith("https://") or self.is_https_outside
        if self.auth == "auto":
            return "basic" if is_https else "oauth1"
        if self.auth in ("basic", "query") and not is_https:
            raise ValueError(f"auth: {self.auth} needs an https address; over http use oauth1")
        return self.auth


def _cleaned(url: str) -> str:
    parts = urlsplit(url)
    if len(url) > 300 or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a whole address, such as https://shop.example")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold neither credentials nor a query")
    return url.rstrip("/").removesuffix("/wp-json/wc/v3").removesuffix("/wp-json")


class WooCommerceChannel:
    """One shop."""

    def __init__(self, settings: Settings, context: BuildContext) -> None:
        self._settings = settings
        self._context = context

    @cached_property
    def _api(self) -> WooApi:
        settings = self._settings
        key, secret = settings.consumer_key.reveal(), settings.consumer_secret.reveal()
        try:
            address = settings.address()
            mode = settings.auth_mode(address)
        except ValueError as error:
            raise ConfigurationError(str(error), next_step="correct url or auth of the connection") from None
        return WooApi(
            HttpClient(
                address,
                auth=shop_auth(mode, key, secret),
                secrets=(key, secret),
                limits=Limits(read_s=settings.timeout_s),
                # Polls must see what is there now, whatever cache a host or version 10.5 puts in between.
                headers={"Cache-Control": "no-cache"}
                | ({"X-Forwarded-Proto": "https"} if settings.is_https_outside else {}),
                client=self._context.client,
                connection=self._context.connection,
            )
        )

    def check(self) -> None:
        """Read the settings that our figures rest on.

        Raises:
            ConfigurationError: currency, tax basis, decimals, weight unit or stock management contradict what is declared.
        """
        with self._placed("check"):
            self._weight_unit()
            if self._setting("products/woocommerce_manage_stock") == "no":
                raise ConfigurationError("the shop keeps no stock", next_step="switch stock management on in the shop")
            decimals = self._setting("general/woocommerce_price_num_decimals")
            if decimals.isdecimal() and int(decimals) < 2:
                raise ConfigurationError(f"the shop rounds to {decimals} decimals", next_step="set it to two")
            if self._context.price_terms is not None:
                self._check_terms(self._context.price_terms)

    def push(self, changes: Sequence[ProductChange]) -> list[Outcome]:
        """See `Channel.push`."""
        settings = self._settings
        terms = PushTerms(
            batch_size=settings.batch_size,
            image_read_s=settings.image_timeout_s,
            category_from=settings.category_from,
            new_status=settings.new_status,
            weight_unit=self._weight_unit,
        )
        with self._placed("push"):
            return push_changes(self._api, terms, changes) if changes else []

    def orders(self, since: str | None, *, limit: int = 100) -> OrderPage:
        """See `Channel.orders`."""
        with self._placed("read orders"):
            return changed_orders(self._api, since, limit)

    def start_cursor(self, at: datetime) -> str:
        """See `Channel.start_cursor`."""
        return str(start_at(at))

    def orders_between(self, start: datetime, end: datetime) -> Sequence[RawOrder]:
        """See `Channel.orders_between`; binned orders are not among them."""
        with self._placed("read orders"):
            return orders_created(self._api, start, end)

    def order(self, channel_order_code: str) -> RawOrder | None:
        """See `Channel.order`; a binned order is there, with status ``trash``."""
        with self._placed("read order"):
            return one_order(self._api, channel_order_code)

    def translate(self, raw: RawOrder) -> ChannelOrder:
        """See `Channel.translate`."""
        with self._placed("translate order"):
            return translate_order(raw, customer_code_meta_key=self._settings.customer_code_meta_key)

    def acknowledge(self, channel_order_code: str, receipts: Mapping[str, Receipt]) -> None:
        """Write order meta and, if wanted, a private note per source; see `ReceiptWriter`."""
        settings = self._settings
        with self._placed("acknowledge order"):
            writer = ReceiptWriter(self._api, settings.receipt_meta_prefix, has_note=settings.has_receipt_note)
            writer.write(channel_order_code, receipts)

    def product_url(self, channel_product_code: str) -> str | None:
        """The address that WordPress leads to the product's page."""
        return f"{self._settings.address()}/?post_type=product&p={channel_product_code}"

    def _check_terms(self, terms: PriceTerms) -> None:
        currency = self._setting("general/woocommerce_currency")
        if currency != terms.currency:
            raise ConfigurationError(
                f"the shop sells in {currency[:10]}, declared is {terms.currency}",
                next_step="correct `terms.currency`, or the shop",
            )
        basis = "incl" if self._setting("tax/woocommerce_prices_include_tax") == "yes" else "excl"
        if basis != terms.basis:
            raise ConfigurationError(
                f"the shop's prices are {basis}usive of tax, declared is {terms.basis}",
                next_step="correct `policy.basis`, or the shop",
            )

    def _setting(self, name: str) -> str:
        answer = self._api.get(f"settings/{name}", {"_fields": "id,value"}, operation="check")
        body: Any = answer.json
        return str(body.get("value") if isinstance(body, dict) else "")

    def _weight_unit(self) -> str:
        unit = self._setting("products/woocommerce_weight_unit")
        if unit not in GRAMS:
            raise ConfigurationError(
                f"the shop weighs in {unit[:20]!r}", next_step=f"choose one of {', '.join(GRAMS)} in the shop"
            )
        return unit

    @contextmanager
    def _placed(self, operation: str) -> Iterator[None]:
        """Errors from here say where they happened."""
        try:
            yield
        except S2SError as error:
            error.located(client=self._context.client, connection=self._context.connection, operation=operation)
            raise


def page_of(settings: object, page: Page, code: str | None = None) -> str | None:
    """Pages of the shop's administration.

    Facts: ``edit.php`` and ``post.php`` of WordPress; where orders have tables of their own, WooCommerce leads their old
    addresses to the new ones (plugins/woocommerce/src/Internal/Admin/Orders/PostsRedirectionController.php).

    >>> keys = {"consumer_key": SecretRef(env="KEY"), "consumer_secret": SecretRef(env="SECRET")}
    >>> page_of(Settings(kind="woocommerce", url="https://shop.example/", **keys), "product", "77")
    'https://shop.example/wp-admin/post.php?post=77&action=edit'
    """
    if not isinstance(settings, Settings):
        return None
    admin = f"{settings.address()}/wp-admin"
    if page in ("product", "order"):
        return f"{admin}/post.php?post={code}&action=edit" if code and code.isdecimal() else None
    return f"{admin}/edit.php?post_type={'product' if page == 'products' else 'shop_order'}"


def build(settings: object, context: BuildContext) -> WooCommerceChannel:
    """Make the channel; nothing is connected and no secret is read."""
    if not isinstance(settings, Settings):
        raise TypeError(f"expected the settings of woocommerce, got {type(settings).__name__}")
    return WooCommerceChannel(settings, context)


CONNECTOR = Connector(manifest=MANIFEST, settings=Settings, build=build, fields={}, page_of=page_of)
