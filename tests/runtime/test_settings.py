"""Where settings come from, and that each is documented."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.runtime.settings import Settings, every_setting


def test_the_defaults_are_a_small_hub_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.home == tmp_path / "var"
    assert (settings.host, settings.port_desk, settings.port_health, settings.port_phone) == (
        "127.0.0.1",
        8480,
        8481,
        8482,
    )
    assert settings.modes == ("actual", "exercise")
    assert not settings.production
    assert not settings.split


def test_an_argument_wins_over_a_variable_a_variable_over_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "samvirke.toml").write_text('port_desk = 1\nport_phone = 2\nmodes = ["actual"]\n')
    monkeypatch.setenv("SAMVIRKE_HOME", str(tmp_path))
    assert (Settings().port_desk, Settings().port_phone, Settings().modes) == (1, 2, ("actual",))
    monkeypatch.setenv("SAMVIRKE_PORT_DESK", "3")
    assert (Settings().port_desk, Settings().port_phone) == (3, 2)
    assert Settings(port_desk=4).port_desk == 4


def test_the_file_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "other.toml"
    file.write_text(f'home = "{tmp_path / "here"}"\n')
    monkeypatch.setenv("SAMVIRKE_CONFIG", str(file))
    assert Settings().home == tmp_path / "here"


def test_a_secret_is_read_from_a_file_and_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("blåbær\n", encoding="utf-8")
    monkeypatch.setenv("SAMVIRKE_SMTP_PASSWORD_FILE", str(tmp_path / "password"))
    settings = Settings(home=tmp_path)
    assert settings.smtp_password.get_secret_value() == "blåbær"
    assert "blåbær" not in repr(settings)


def test_a_mistyped_key_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "samvirke.toml").write_text("port_dekk = 1\n")
    with pytest.raises(ValidationError, match="port_dekk"):
        Settings(home=tmp_path)


def test_a_wrong_value_is_refused_without_being_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMVIRKE_PORT_DESK", "hemmelig")
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert "hemmelig" not in str(refusal.value)


def test_modes_are_a_list_by_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMVIRKE_MODES", "exercise")
    assert Settings().modes == ("exercise",)
    monkeypatch.setenv("SAMVIRKE_MODES", "actual, exercise")
    assert Settings().modes == ("actual", "exercise")
    monkeypatch.setenv("SAMVIRKE_MODES", "test")
    with pytest.raises(ValidationError):
        Settings()


def test_each_service_has_its_own_database(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.database_for("people") == f"sqlite:///{tmp_path}/db/people.db"
    for spelling in ("postgresql", "postgres"):
        named = Settings(home=tmp_path, database_url=f"{spelling}://u:p@db/samvirke")  # type: ignore[arg-type]
        assert named.database_for("people") == "postgresql+psycopg://u:p@db/samvirke"


def test_a_child_gets_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = Settings(
        home=tmp_path,
        modes=("exercise",),
        production=True,
        smtp_password="hemmelig",  # type: ignore[arg-type]
        centre=Path("centre.toml"),
    )
    for name, value in given.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given


def test_every_setting_has_a_variable_a_flag_and_a_text() -> None:
    docs = every_setting()
    assert [doc.key for doc in docs] == list(Settings.model_fields)
    for doc in docs:
        assert doc.variable == f"SAMVIRKE_{doc.key.upper()}"
        assert doc.flag == f"--{doc.key.replace('_', '-')}"
        assert doc.text.endswith(".")
        assert not (doc.secret and doc.default)
