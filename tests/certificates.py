"""An authority and a certificate for loopback, made anew for each run."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.runtime.settings import Settings


@dataclass(frozen=True)
class Certificate:
    """PEM files: the certificate, its key, and the authority that signed it."""

    cert: Path
    key: Path
    ca: Path

    def settings(self, home: Path, port: int, **more: Any) -> Settings:
        """Settings of a hub whose broker listens there with TLS."""
        files = {"nats_cert": self.cert, "nats_key": self.key, "nats_ca": self.ca}
        return Settings.model_validate({"home": home, "nats_url": f"tls://localhost:{port}"} | files | more)


def certificate(folder: Path, *names: str) -> Certificate:
    """A certificate for these host names and no other, of an authority of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / "cert.pem", folder / "key.pem", folder / "ca.pem")
    authority, request, wanted = folder / "ca.key", folder / "cert.csr", folder / "cert.ext"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(
        "req",
        "-x509",
        *curve,
        "-subj",
        "/CN=test",
        "-days",
        "2",
        *usage,
        "-keyout",
        authority,
        "-out",
        made.ca,
    )
    _openssl("req", *curve, "-subj", "/CN=hub", "-keyout", made.key, "-out", request)
    alternatives = ",".join(f"DNS:{name}" for name in names)
    wanted.write_text(
        f"subjectAltName={alternatives}\nauthorityKeyIdentifier=keyid\nextendedKeyUsage=serverAuth\n"
    )
    signed = ("-CA", made.ca, "-CAkey", authority, "-CAcreateserial", "-days", "2", "-extfile", wanted)
    _openssl("x509", "-req", "-in", request, *signed, "-out", made.cert)
    return made


def _openssl(*arguments: str | Path) -> None:
    program = shutil.which("openssl")
    assert program is not None, "openssl is not installed"
    subprocess.run([program, *map(str, arguments)], check=True, capture_output=True)
