"""The settings of samvirke: each is a field here, a variable `SAMVIRKE_<NAME>` and a key in the TOML file.

What wins, first to last: an argument, the variable, the file named by `SAMVIRKE_<NAME>_FILE`, the TOML file,
the default.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from services.runtime.names import MODES, Mode

PREFIX = "SAMVIRKE_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
DEFAULT_HOME = Path("var")
CONFIG_NAME = "samvirke.toml"

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """Everything an operator may decide; a service reads nothing else from its surroundings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(DEFAULT_HOME, description="Folder of all state: nats, db, keys, credentials, spool.")
    modes: Annotated[tuple[Mode, ...], NoDecode] = Field(MODES, description="Modes served, by comma.")
    centre: Path | None = Field(None, description="TOML or YAML file of organisations, watches and policies.")
    production: bool = Field(False, description="Refuse a broker that does not sync every write.")
    split: bool = Field(False, description="Run each part in a process of its own instead of two workers.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")

    database_url: SecretStr = Field(
        SecretStr(""),
        description="A PostgreSQL URL (a schema per service); empty means one SQLite file per service.",
    )
    database_password: SecretStr = Field(
        SecretStr(""), description="Password for the PostgreSQL URL, where it does not stand in it."
    )
    nats_url: str = Field("", description="Address of the broker; empty means the one `up` wrote to HOME.")
    nats_ca: Path | None = Field(
        None,
        description="Authority of the broker's certificate, for an address `tls://…`; else the system's.",
    )
    nats_cert: Path | None = Field(
        None, description="Certificate that `provision` tells a broker to use; its clients then need TLS."
    )
    nats_key: Path | None = Field(None, description="Key of that certificate, where the broker finds it.")
    nats_port: Port = Field(0, description="Port of the embedded broker; 0 takes a free one.")
    checkpoint_s: int = Field(
        600, ge=1, description="Seconds between two signed checkpoints of every log, news or none."
    )
    scrub_hour: int = Field(
        3, ge=0, le=23, description="Hour of the machine's clock at which ledger and archive are compared."
    )
    replicas: int = Field(1, ge=1, le=5, description="Copies of each stream; more than 1 needs a cluster.")
    stream_bytes: int = Field(
        0, ge=0, description="Bytes that streams share; 0 derives it from the free disk."
    )

    host: str = Field("127.0.0.1", description="Address that the HTTP services listen on.")
    port_desk: Port = Field(8480, description="Port of the desk and its API.")
    port_health: Port = Field(8481, description="Port of health and metrics.")
    port_phone: Port = Field(8482, description="Port of the phone page.")
    tls_cert: Path | None = Field(
        None, description="Certificate of desk and phone page; set, they speak HTTPS."
    )
    tls_key: Path | None = Field(None, description="Key of that certificate.")
    public_desk_url: str = Field("", description="Address under which people reach the desk.")
    public_phone_url: str = Field("", description="Address under which a phone reaches the phone page.")

    file_max_mb: int = Field(20, ge=1, le=1000, description="Largest file that is attached, in megabytes.")
    scanner: str = Field(
        "",
        description="Virus scanner of attached files: a command that reads them from its input, or clamd as"
        " `unix:/path` or `tcp:host:port`; empty shares no file with others, `none` shares unscanned ones.",
    )

    smtp_host: str = Field("", description="Mail server; empty means no mail is sent.")
    smtp_port: Port = Field(587, description="Port of the mail server.")
    smtp_user: str = Field("", description="User at the mail server; empty means no sign-in.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password at the mail server.")
    smtp_sender: str = Field("", description="Address that mail is sent from.")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to the mail server is protected."
    )

    gateway_url: str = Field("", description="Address of the SMS gateway; empty means no SMS is sent.")
    gateway_body: str = Field(
        "", description="Template of the gateway's request body: {to}, {text} and {reference} are filled in."
    )
    gateway_headers: SecretStr = Field(SecretStr(""), description="Templates of its headers, a line each.")
    gateway_receipt_field: str = Field("", description="Field of its answer that holds a receipt.")

    retention_hour: int = Field(
        3, ge=-1, le=23, description="Hour in Norway at which orders of retention erase; -1 means never."
    )
    reads_days: int = Field(730, ge=1, description="Days for which the log of reads is kept.")

    @field_validator("modes", mode="before")
    @classmethod
    def _split_modes(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("centre", "nats_ca", "nats_cert", "nats_key", "tls_cert", "tls_key", mode="before")
    @classmethod
    def _no_file(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _certificates_have_keys(self) -> "Settings":
        for cert, key in (("nats_cert", "nats_key"), ("tls_cert", "tls_key")):
            if (getattr(self, cert) is None) != (getattr(self, key) is None):
                raise ValueError(f"{cert} and {key} belong together")
        return self

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, variables, `_FILE` variables, the TOML file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_config_path(init_settings().get("home")))
        return init_settings, env_settings, _FileVariables(settings_cls), toml

    @property
    def credentials(self) -> Path:
        """Folder of the users' seeds, one file `<user>.nk` each."""
        return self.home / "credentials"

    @property
    def nats_home(self) -> Path:
        """Folder of the embedded broker: its configuration, address, state and streams."""
        return self.home / "nats"

    @property
    def address_file(self) -> Path:
        """Where a running `up` writes the broker's address."""
        return self.nats_home / "address"

    @property
    def state_file(self) -> Path:
        """Where a running `up` writes what it learnt about the broker."""
        return self.nats_home / "state.json"

    def database_for(self, service: str) -> str:
        """The SQLAlchemy URL of a service's tables; with PostgreSQL its schema is named as the service."""
        url = self.database_url.get_secret_value()
        if not url:
            return f"sqlite:///{self.home / 'db' / f'{service}.db'}"
        scheme, separator, rest = url.partition("://")
        url = f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else url
        return self._with_password(url)

    def _with_password(self, url: str) -> str:
        from sqlalchemy import make_url

        password = self.database_password.get_secret_value()
        return make_url(url).set(password=password).render_as_string(hide_password=False) if password else url

    @property
    def web(self) -> str:
        """The scheme of desk and phone page: `https` with a certificate of their own."""
        return "http" if self.tls_cert is None else "https"

    def as_environment(self) -> dict[str, str]:
        """The variables under which a child process gets these same settings."""
        decided = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            f"{PREFIX}{name.upper()}": value.get_secret_value()
            if isinstance(value, SecretStr)
            else _plain(value)
            for name, value in decided.items()
            if value is not None
        }


class SettingDoc(NamedTuple):
    """One setting as the documentation lists it; `default` is empty for secrets."""

    key: str
    variable: str
    flag: str
    default: str
    secret: bool
    text: str


def every_setting() -> tuple[SettingDoc, ...]:
    """All settings in the order of the class, for help texts and for the test of the documentation."""
    return tuple(_document(name, field) for name, field in Settings.model_fields.items())


def _document(name: str, field: FieldInfo) -> SettingDoc:
    secret = field.annotation is SecretStr
    default = "" if secret or field.default is None else _plain(field.default)
    flag = f"--{name.replace('_', '-')}"
    return SettingDoc(name, f"{PREFIX}{name.upper()}", flag, default, secret, field.description or "")


def _plain(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


def _config_path(home: object) -> Path:
    """The TOML file: named by its variable, else in HOME."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return Path(str(home or os.environ.get(f"{PREFIX}HOME") or DEFAULT_HOME)) / CONFIG_NAME


class _FileVariables(PydanticBaseSettingsSource):
    """Reads `SAMVIRKE_<NAME>_FILE`: the value is the file's text without the last line break."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        value = Path(path).read_text(encoding="utf-8").rstrip("\r\n") if path else None
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in Settings.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}
