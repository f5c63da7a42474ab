import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from grandmodel.commands import inspect as command
from grandmodel.core.checks import UserError
from grandmodel.evaluation.report.feature_frames import (
    Columns,
    spread_table,
    synergy_counts,
)
from grandmodel.evaluation.report.gap_figure import gap_zones
from grandmodel.features.arrays import path_arrays
from grandmodel.features.config import FeatureConfig, MlmiConfig, SynergyConfig
from grandmodel.features.extras.catalogue import EXTRAS
from grandmodel.features.matrix import compute
from grandmodel.features.scaling import MATRIX_30
from grandmodel.features.tactical import MATRIX_5, TacticalMatrix
from grandmodel.features.tactical_path import TACTICAL_COLUMNS
from grandmodel.market.bars import Bars, resample
from grandmodel.market.calendar import session_table
from grandmodel.market.dataset import Dataset, MarketPath
from grandmodel.market.instruments import Instrument
from grandmodel.wiring.schema import DataSection, InspectConfig

FIVE_MINUTES_NS = 300 * 10**9
START_NS = 1_704_067_200 * 10**9  # 2024-01-01


def five_minute_bars(count, seed=0):
    draw = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.001 * draw.standard_t(3, count)))
    open_ = np.r_[100.0, close[:-1]]
    high = np.maximum(open_, close) * (1.0 + 0.0002 * np.abs(draw.standard_normal(count)))
    low = np.minimum(open_, close) * (1.0 - 0.0002 * np.abs(draw.standard_normal(count)))
    prices = (np.round(part, 2) for part in (open_, high, low, close))
    instrument = Instrument(name="made", tick=0.01, calendar="24/7")
    stamps = START_NS + FIVE_MINUTES_NS * np.arange(count)
    volume = draw.integers(1, 99, count).astype(float)
    return Bars(stamps, *prices, volume, minutes=5, instrument=instrument, source="made.csv")


@pytest.fixture(scope="module")
def fine():
    return five_minute_bars(6 * 4500)


@pytest.fixture(scope="module")
def folder(fine, tmp_path_factory):
    """The folder written for 4 500 half hours of five-minute bars, and what was printed."""
    out = tmp_path_factory.mktemp("inspect")
    dataset = Dataset((MarketPath(resample(fine, 30), fine),), {})
    with Console(record=True, width=200, quiet=False, file=(out / "printed.txt").open("w")) as show:
        command.inspect(dataset, FeatureConfig(), out, show)
    show.file.flush()
    return out


def test_files_are_whole_and_nothing_else_stays(folder):
    names = {file.name for file in folder.iterdir()}
    assert names == {
        "matrix30.parquet", "matrix5.parquet", "gaps.parquet", "synergies.parquet",
        "synergy_months.parquet", "quality.parquet", "file.parquet", "features.html",
        "printed.txt",
    }  # fmt: skip


def test_matrix_holds_every_column_raw_and_scaled_from_the_first_bar(folder, fine):
    matrix = pd.read_parquet(folder / "matrix30.parquet")
    assert matrix["timestamp"].iloc[0] == pd.Timestamp("2024-01-01", tz="UTC")
    assert len(matrix) == len(fine) // 6
    raw = {name[4:] for name in matrix.columns if name.startswith("raw_")}
    scaled = {name[7:] for name in matrix.columns if name.startswith("scaled_")}
    assert scaled <= raw
    assert {"mlmi_value", "mmd_score", "lvn_side", "synergy_confidence", "level_touches"} <= scaled
    assert np.isfinite(matrix[[f"scaled_{name}" for name in scaled]].to_numpy()).all()


def test_undefined_is_null_not_nan(folder):
    table = pq.read_table(folder / "matrix30.parquet")
    momentum = table["raw_momentum_50"]
    assert momentum.null_count == 50
    assert table["raw_atr_14"].null_count == 14
    distance = table["raw_lvn_distance"]
    assert distance.null_count >= 47
    for column in table.columns[1:]:
        values = column.to_pandas().dropna()
        assert np.isfinite(values).all()


def test_distance_of_the_nearest_level_is_a_fraction(folder):
    matrix = pd.read_parquet(folder / "matrix30.parquet")
    raw, scaled = matrix["raw_price_distance"], matrix["scaled_price_distance"]
    assert raw.notna().mean() > 0.5
    np.testing.assert_allclose(np.clip(20.0 * raw.fillna(0.0), -1.0, 1.0), scaled, atol=1e-12)
    assert (raw.isna() == (matrix["raw_fvg_size"] == 0.0)).all()


def test_gaps_and_synergies_are_stamped_by_closes(folder):
    gaps = pd.read_parquet(folder / "gaps.parquet")
    assert list(gaps.columns) == ["time", "event", "direction", "size", "born", "bottom", "top"]
    assert (gaps["top"] - gaps["bottom"] == gaps["size"]).all()
    assert (gaps["born"] <= gaps["time"]).all()
    assert ((gaps["event"] == "created") == (gaps["born"] == gaps["time"])).all()
    assert gaps.loc[gaps["event"] == "created", "born"].is_unique
    assert set(gaps["event"]) == {"created", "touched", "mitigated", "expired"}
    assert set(gaps["direction"]) == {-1, 1}
    assert (gaps["size"] > 0.0).all()
    assert gaps["time"].is_monotonic_increasing
    born, ended = (gaps["event"] == "created").sum(), gaps["event"].isin(["mitigated", "expired"])
    assert born - 51 <= ended.sum() <= born
    synergies = pd.read_parquet(folder / "synergies.parquet")
    assert list(synergies.columns) == [
        "time", "type", "direction", "confidence", "tied", "mlmi", "nwrqk", "fvg",
    ]  # fmt: skip
    signals = synergies[["mlmi", "nwrqk", "fvg"]]
    assert (signals.max(axis=1) == synergies["time"]).all()
    assert (synergies["time"] - signals.min(axis=1) <= pd.Timedelta("90min")).all()
    filled = gaps[gaps["event"] == "mitigated"]
    for synergy in synergies.itertuples():
        ours = filled[filled["time"] == synergy.fvg]
        assert synergy.direction in set(ours["direction"])


def test_a_synergy_reaches_the_matrix_at_the_next_decision(folder):
    matrix = pd.read_parquet(folder / "matrix30.parquet")
    synergies = pd.read_parquet(folder / "synergies.parquet")
    shown = matrix[matrix["raw_synergy_direction"] != 0.0]
    closes = shown["timestamp"] + pd.Timedelta(minutes=30)
    expected = synergies["time"].dt.ceil("30min").drop_duplicates()
    assert len(expected) > 0
    assert closes.to_list() == expected.to_list()


def test_the_page_needs_no_network_and_counts_types(folder):
    page = (folder / "features.html").read_text()
    assert "Plotly.newPlot" in page
    assert 'src="http' not in page
    for text in (
        "TYPE_1",
        "TYPE_4",
        "volume_profile_skew",
        "volume: traded",
        "made.csv",
        "fvg_mitigation_signal",
        "Gaps on price",
        "The latest synergy of each type",
    ):
        assert text in page
    assert "TYPE_4" in (folder / "printed.txt").read_text()


def test_the_five_minute_matrix_is_written_from_the_first_bar(folder, fine):
    matrix = pd.read_parquet(folder / "matrix5.parquet")
    assert len(matrix) == len(fine)
    assert matrix["timestamp"].iloc[1] == pd.Timestamp("2024-01-01 00:05", tz="UTC")
    scaled = {name[7:] for name in matrix.columns if name.startswith("scaled_")}
    raw = {name[4:] for name in matrix.columns if name.startswith("raw_")}
    assert scaled == {name for name in TACTICAL_COLUMNS if not name.startswith("raw_")}
    assert scaled <= raw
    arrays = path_arrays(MarketPath(fine), session_table(fine)).bars
    expected = TacticalMatrix(0.01, "traded").over(arrays)
    for name in MATRIX_5:
        np.testing.assert_array_equal(matrix[f"scaled_{name}"], expected[name])
    flags = matrix["raw_fvg_bullish_active"] + matrix["raw_fvg_bearish_active"]
    assert (matrix["raw_fvg_nearest_level"].isna() == (flags == 0.0)).all()
    assert (matrix.loc[flags == 0.0, "scaled_fvg_age"] == 0.0).all()
    assert matrix["raw_price_momentum_5"].isna().sum() == 5


def test_both_clocks_tell_of_the_same_synergies(folder):
    matrix = pd.read_parquet(folder / "matrix5.parquet")
    synergies = pd.read_parquet(folder / "synergies.parquet")
    closes = matrix["timestamp"] + pd.Timedelta("5min")
    new = matrix["raw_synergy_direction"].ne(0.0) & matrix["raw_synergy_age"].eq(0.0)
    assert closes[new].to_list() == synergies["time"].to_list()


def test_synergies_are_counted_per_month_and_type(folder):
    months = pd.read_parquet(folder / "synergy_months.parquet")
    synergies = pd.read_parquet(folder / "synergies.parquet")
    assert list(months.columns) == ["month", "TYPE_1", "TYPE_2", "TYPE_3", "TYPE_4", "all"]
    assert months["all"].sum() == len(synergies)
    assert months["month"].iloc[-1] == "2024-04"  # 4 500 half hours from January
    expected = pd.crosstab(synergies["time"].dt.strftime("%Y-%m"), synergies["type"])
    for month, row in expected.iterrows():
        for kind, count in row.items():
            assert months.set_index("month").loc[month, kind] == count


def test_each_gap_ends_where_its_own_event_says(folder):
    gaps = pd.read_parquet(folder / "gaps.parquet")
    until = gaps["time"].iloc[-1]
    zones = gap_zones(gaps, until).set_index("born")
    ends = gaps[gaps["event"].isin(["mitigated", "expired"])]
    assert len(zones) == (gaps["event"] == "created").sum()
    assert (zones.loc[ends["born"], "end"].to_numpy() == ends["time"].to_numpy()).all()
    assert (zones["end"].drop(ends["born"]) == until).all()


def columns_of(**values):
    """Columns of half hours with 600 bars of warm-up in front."""
    padded = {f"scaled_{name}": np.r_[np.full(600, 9.0), given] for name, given in values.items()}
    return Columns(30, tuple(values), pd.DataFrame(padded))


def test_the_test_of_scaled_columns_says_what_fails():
    draw = np.random.default_rng(0).uniform(-1.0, 1.0, 1000)
    pulse = np.zeros(1000)
    pulse[::20] = 1.0
    table = spread_table(
        columns_of(
            good=draw,
            wide=2.5 * draw,
            narrow=0.1 * draw,
            fvg_nearest_level=np.clip(2 * draw, -1, 1),
            still=np.where(draw > 0.8, draw, 0.0),
            mlmi_signal=pulse,
        )
    ).set_index("column")["test"]
    assert table.to_dict() == {
        "good": "pass", "wide": "fail: sd", "narrow": "fail: sd",
        "fvg_nearest_level": "fail: clipped", "still": "fail: constant", "mlmi_signal": "pulse",
    }  # fmt: skip


def test_half_hour_bars_have_gaps_but_no_synergies(fine, tmp_path):
    dataset = Dataset((MarketPath(resample(fine, 30)),), {})
    with Console(file=(tmp_path / "printed.txt").open("w"), width=200) as show:
        command.inspect(dataset, FeatureConfig(), tmp_path, show)
    show.file.flush()
    printed = (tmp_path / "printed.txt").read_text()
    assert "synergies are off" in printed
    assert "matrix5.parquet is not written: it needs bars of 5 minutes" in printed
    assert "these have 30" in printed
    assert not (tmp_path / "matrix5.parquet").exists()
    assert len(pd.read_parquet(tmp_path / "gaps.parquet")) > 0
    assert len(pd.read_parquet(tmp_path / "synergies.parquet")) == 0


def test_a_file_shorter_than_the_warm_up_is_inspected_too(tmp_path):
    fine = five_minute_bars(6 * 30)
    dataset = Dataset((MarketPath(resample(fine, 30), fine),), {})
    command.inspect(dataset, FeatureConfig(), tmp_path, Console(quiet=True))
    matrix = pd.read_parquet(tmp_path / "matrix30.parquet")
    assert len(matrix) == 30
    assert spread_table(Columns(30, MATRIX_30, matrix)).empty
    assert len(pd.read_parquet(tmp_path / "matrix5.parquet")) == 180


@pytest.mark.real_bars
@pytest.mark.parametrize(
    ("name", "gates", "low", "high"),
    [
        ("ES_5m", "shipped", 42, 46),
        ("NQ_5m", "shipped", 74, 78),
        ("BTCUSDT_5m", "shipped", 121, 127),
        ("ES_5m", "text", 0, 0),
        ("BTCUSDT_5m", "text", 17, 20),
    ],
)
def test_synergies_per_year_on_real_bars(real_bars, name, gates, low, high):
    config = InspectConfig(data=DataSection(kind="parquet", path=str(real_bars(name))))
    dataset = command.read(config)
    arrays = [path_arrays(path, session_table(path.bars)) for path in dataset.paths]
    store = "text" if gates == "text" else "1000"  # the original gates go with their store
    features = FeatureConfig(synergy=SynergyConfig(gates=gates), mlmi=MlmiConfig(store=store))
    (found,) = compute(arrays, features)
    counts = synergy_counts(dataset.paths[0].bars, found).set_index("type")
    assert low <= counts["per_year"]["all"] <= high


def test_folders_of_runs_and_files_are_refused(tmp_path):
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError, match="is the folder of a run"):
        command.folder_for(InspectConfig(out=str(tmp_path)))
    with pytest.raises(UserError, match="is a file"):
        command.folder_for(InspectConfig(out=str(tmp_path / "config.yaml")))


def test_a_reader_of_the_users_own_is_asked_too(fine, tmp_path):
    short = fine.slice(0, 600)
    frame = pd.DataFrame(
        {"timestamp": pd.to_datetime(short.open_time_ns, utc=True)}
        | {name: getattr(short, name) for name in ("open", "high", "low", "close", "volume")}
    )
    frame.to_csv(tmp_path / "some_5m.csv", index=False)
    reader = {"_target_": "grandmodel.market.readers.csv.read_csv"}
    own = DataSection(kind="custom", path=str(tmp_path / "some_5m.csv"), reader=reader)
    (path,) = command.read(InspectConfig(data=own)).paths
    assert len(path.bars) == 100
    assert path.finest is not None


def test_the_command_reads_a_file_and_names_its_folder_last(fine, tmp_path, capsys):
    short = fine.slice(0, 600)
    frame = pd.DataFrame(
        {"timestamp": pd.to_datetime(short.open_time_ns, utc=True)}
        | {name: getattr(short, name) for name in ("open", "high", "low", "close", "volume")}
    )
    frame.to_parquet(tmp_path / "some_5m.parquet", index=False)
    out = tmp_path / "out"
    command.main([f"data.path={tmp_path / 'some_5m.parquet'}", f"out={out}"])
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == f"run: {out}"
    assert "parquet, recognised" in printed
    assert "600 of 5 minutes" in printed
    assert len(pd.read_parquet(out / "defects.parquet")) == 0
    assert "bars there" in (out / "features.html").read_text()
    assert len(pd.read_parquet(out / "matrix30.parquet")) == 100


def test_extra_columns_and_those_of_a_calendar_are_written_when_asked_for(fine, tmp_path):
    short = fine.slice(0, 6 * 700)
    frame = pd.DataFrame(
        {"timestamp": pd.to_datetime(short.open_time_ns, utc=True)}
        | {name: getattr(short, name) for name in ("open", "high", "low", "close", "volume")}
    )
    frame.to_parquet(tmp_path / "some_5m.parquet", index=False)
    calendar = tmp_path / "calendar.csv"
    calendar.write_text("time,importance\n2024-01-02T13:30Z,high\n2024-01-03T08:30-05:00,high\n")
    given = [f"data.path={tmp_path / 'some_5m.parquet'}", f"data.events={calendar}"]
    command.main([*given, "features.extra=all", f"out={tmp_path / 'out'}"])
    matrix = pd.read_parquet(tmp_path / "out" / "matrix30.parquet")
    for name in EXTRAS:
        assert matrix[f"scaled_{name}"].notna().all()
        assert f"raw_{name}" in matrix
    opens = matrix["timestamp"]
    hours = (pd.Timestamp("2024-01-02T13:30Z") - opens).dt.total_seconds() / 3600.0 - 0.5
    known = hours >= 0.0
    np.testing.assert_allclose(matrix["raw_event_ahead_high"][known], hours[known])
    assert matrix["raw_rsi_14"].isna().sum() == 14
    shown = set(spread_table(Columns(30, MATRIX_30, matrix))["column"])
    assert {"rsi_14", "mlmi_value", "event_due_low"} <= shown


def test_a_market_drawn_on_five_minutes_is_shown_on_both_clocks(tmp_path):
    sizes = {"train_bars": 5000, "validation_bars": 4000, "test_bars": 4000}
    sizes |= {"validation_paths": 1, "test_paths": 1}
    given = [f"data.{name}={value}" for name, value in sizes.items()]
    command.main(["data=synthetic", "data.world=gaps", *given, f"out={tmp_path / 'out'}"])
    (first, *_) = sorted((tmp_path / "out").glob("path_*"))
    five = pd.read_parquet(first / "matrix5.parquet")
    half = pd.read_parquet(first / "matrix30.parquet")
    assert len(five) == 5000
    assert 5000 // 6 <= len(half) < 5000 // 5
    assert five["scaled_synergy_direction"].any()
    assert pd.read_parquet(first / "synergies.parquet")["mlmi"].isna().all()
    assert "The latest synergy of each type" not in (first / "features.html").read_text()
