"""The generated client is what its generator says: the same for the same seed, and counted rightly by the shipped cycle."""

import pytest
import sqlalchemy as sa

from bench.client import CLIENT, URL_VARIABLE, change, load_items, open_workshop, write_declarations
from bench.generator import Generator, Shape
from bench.seed import seed_published
from bench.single import Bench
from s2s_pipelines.storage.schema import channel_item

SHAPE = Shape(1_000, changed=0.05)
MOMENTS = ("id", "acknowledged_at", "attempted_at")


def written(folder, shape):
    """Everything a generator writes, before and after its change."""
    generator = Generator(shape)
    folder.mkdir()
    found = []
    for _ in range(2):
        generator.write_items(folder / "item.csv")
        generator.write_linked(folder)
        found += [path.read_bytes() for path in sorted(folder.iterdir())]
        generator.change()
    generator.close()
    return found


def test_same_seed_same_rows_and_another_seed_others(tmp_path):
    first = written(tmp_path / "first", SHAPE)
    assert len(first) == 8
    assert first == written(tmp_path / "second", SHAPE)
    assert first[0] != written(tmp_path / "third", Shape(1_000, changed=0.05, seed=8))[0]


class Client:
    def __init__(self, folder, server):
        self.folder, self.files, self.generator = folder, folder / "files", Generator(SHAPE)
        self.url = server.url(server.new_database())
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        write_declarations(folder / "root", self.files, SHAPE)
        load_items(self.engine, self.generator, folder)
        self.generator.write_linked(self.files)

    def workshop(self, home="home"):
        return open_workshop(self.folder / "root", self.folder / home)


@pytest.fixture
def generated(tmp_path, postgres_server, monkeypatch):
    client = Client(tmp_path, postgres_server)
    monkeypatch.setenv(URL_VARIABLE, client.url)
    monkeypatch.setenv("BENCH_KEY", "unused")
    yield client
    client.generator.close()


def cycle(workshop):
    declared = workshop.client(CLIENT).declaration.sources
    found = workshop.cycle_client(CLIENT, sources=list(declared))
    assert not found.faults
    assert not found.troubled_feeds
    return found


def items(workshop):
    columns = [column for column in channel_item.c if column.name not in MOMENTS]
    with workshop.engine.connect() as connection:
        rows = connection.execute(sa.select(*columns).order_by(channel_item.c.level, channel_item.c.item_key)).all()
    return [{**row._mapping, "images": row.images or {}} for row in rows]


@pytest.mark.server("postgres")
def test_what_the_generator_expects_is_what_the_shipped_cycle_finds(generated):
    generator, workshop = generated.generator, generated.workshop()
    first = cycle(workshop)
    assert first.refreshed.sources["erp"].feeds[0].rejected == generator.rejected() > 0
    assert first.refreshed.catalogue.rows == SHAPE.skus - generator.rejected() - generator.ignored()
    assert len(workshop.counting.skus) == generator.offered()

    rest = generated.workshop()
    cycle(rest)
    assert rest.counting.writes == 0

    change(generated.engine, generator, generated.folder, generated.files)
    changed = generated.workshop()
    cycle(changed)
    assert len(changed.counting.skus) == changed.counting.writes == generator.expected_changes() > 50


@pytest.mark.server("postgres")
def test_a_seeded_push_leaves_what_a_real_one_leaves(generated):
    pushed, seeded = generated.workshop(), generated.workshop("seeded")
    cycle(pushed)
    feeds = {key: list(source.feeds) for key, source in seeded.client(CLIENT).declaration.sources.items()}
    seeded.refresh(CLIENT, asked=feeds, is_full=True)
    seed_published(seeded)
    assert items(seeded) == items(pushed)


@pytest.mark.slow
@pytest.mark.server("postgres")
def test_the_bench_comes_to_its_end_and_finds_everything_as_it_must_be(tmp_path, postgres_server):
    """Every step in a process of its own, as ``make bench`` does; its peers are left out, they are not among our dependencies."""
    shape = Shape(300, changed=0.05)
    generator = Generator(shape)
    urls = [postgres_server.url(postgres_server.new_database()) for _ in range(2)]
    bench = Bench(shape, tmp_path, *urls, turns=1)
    write_declarations(tmp_path / "root", bench.files, shape)
    load_items(bench.engine, generator, tmp_path)
    generator.write_linked(bench.files)
    bench.live(generator)
    generator.close()
    assert bench.wrong == []
    assert bench.found["recheck_writes"] == 0
    assert bench.found["changes_written"] == bench.found["changes_expected"] > 0
