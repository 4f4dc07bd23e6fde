"""Who vouches for a policy: an ed25519 signature over its manifest, which holds the model's hash.

The signature lies beside the manifest as `manifest.sig`; the public keys that a robot trusts lie
in one directory, a PEM file each, whose name is the signer's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from autonomy_nodes.decision.document import (
    MAX_MANIFEST_BYTES,
    read_document,
    read_file,
    validated,
)
from autonomy_nodes.decision.errors import PolicyError
from autonomy_nodes.decision.schema import Schema

SIGNATURE_FILE = "manifest.sig"
MAX_SIGNATURE_BYTES = 4096
MAX_KEY_BYTES = 64 * 1024
DOMAIN = b"edge_autonomy policy manifest 1\n"
"""Stands before the signed bytes, so that the signature of anything else is none of a manifest."""


class Signature(Schema):
    """The file `manifest.sig`: key_id is the start of the public key's sha256."""

    signature_version: Literal[1] = 1
    algorithm: Literal["ed25519"] = "ed25519"
    key_id: str
    signature: str


def generate_key(private: Path) -> Path:
    """Write a new private key (mode 0600) and, beside it, its public key; returns the latter.

    Raises:
        PolicyError: the private key's file exists; a key is never overwritten.
    """
    private.parent.mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PolicyError(private, "key", "a file", "a path where no file is") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    public = private.with_suffix(".pub.pem")
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return public


def sign(manifest: Path, private: Path) -> Signature:
    """Sign a manifest file and write `manifest.sig` beside it.

    Raises:
        PolicyError: the key cannot be read or is of another kind.
    """
    try:
        key = load_pem_private_key(private.read_bytes(), password=None)
    except OSError as error:
        raise PolicyError(private, "key", error.strerror, "a readable file") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PolicyError(private, "key", error, "an unencrypted PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise PolicyError(private, "key", type(key).__name__, "an ed25519 key")
    content = read_file(manifest, "file", MAX_MANIFEST_BYTES)
    signature = Signature(
        key_id=key_id(key.public_key()),
        signature=base64.b64encode(key.sign(DOMAIN + content)).decode(),
    )
    target = manifest.with_name(SIGNATURE_FILE)
    target.write_text(yaml.safe_dump(signature.model_dump(), sort_keys=False))
    return signature


@dataclass(frozen=True)
class Trust:
    """Whose policies may drive.

    Attributes:
        keys: directory of the trusted public keys, `NAME.pem`.
        allow_unsigned: whether one that no trusted key has signed may drive too.
    """

    keys: Path
    allow_unsigned: bool = False


def check_signature(manifest: Path, trust: Trust) -> str:
    """Check the signature beside a manifest against the trusted keys.

    Returns:
        The name of the key that signed it; empty where none did and none need have.

    Raises:
        PolicyError: unsigned, signed by a key that is not trusted, or (always refused) not what
            a trusted key has signed.
    """
    signature = read_signature(manifest)
    trusted = trust.keys
    keys = trusted_keys(trusted)
    if trust.allow_unsigned and (signature is None or signature.key_id not in keys):
        return ""
    if signature is None:
        raise PolicyError(manifest, "signature", "none", f"one by a key in {trusted}")
    if signature.key_id not in keys:
        known = sorted(name for name, _ in keys.values()) or "none"
        raise PolicyError(
            manifest, "signature.key_id", signature.key_id, f"a trusted key ({known} in {trusted})"
        )
    name, key = keys[signature.key_id]
    content = read_file(manifest, "file", MAX_MANIFEST_BYTES)
    try:
        key.verify(base64.b64decode(signature.signature, validate=True), DOMAIN + content)
    except (InvalidSignature, binascii.Error) as error:
        raise PolicyError(
            manifest, "signature", f"one that is not by '{name}'", "one over this manifest"
        ) from error
    return name


def read_signature(manifest: Path) -> Signature | None:
    """The signature beside a manifest; None where there is none.

    Raises:
        PolicyError: the file is not a signature.
    """
    file = manifest.with_name(SIGNATURE_FILE)
    if not os.path.lexists(file):
        return None
    return validated(Signature, read_document(file, MAX_SIGNATURE_BYTES), file)


def trusted_keys(directory: Path) -> dict[str, tuple[str, Ed25519PublicKey]]:
    """Names and public keys of a directory's PEM files, by key id.

    Raises:
        PolicyError: a file in it is not an ed25519 public key.
    """
    keys: dict[str, tuple[str, Ed25519PublicKey]] = {}
    for file in sorted(directory.glob("*.pem")):
        try:
            key = load_pem_public_key(read_file(file, "key", MAX_KEY_BYTES))
        except PolicyError:
            raise
        except (ValueError, UnsupportedAlgorithm) as error:
            raise PolicyError(file, "key", error, "a PEM public key") from error
        if not isinstance(key, Ed25519PublicKey):
            raise PolicyError(file, "key", type(key).__name__, "an ed25519 public key")
        keys[key_id(key)] = (file.name.removesuffix(".pem").removesuffix(".pub"), key)
    return keys


def key_id(key: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the raw public key's sha256."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
