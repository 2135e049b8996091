"""Key hashes: peppered, versioned, rehashed after a rotation, compared in constant time."""

import hmac

import pytest
from pydantic import SecretStr

from aex.core.keys import Pepper, new_key

OLD, NEW = "1:" + "o" * 32, "2:" + "n" * 32


def test_a_key_verifies_and_another_does_not() -> None:
    pepper = Pepper(OLD)
    assert pepper.verify("key", pepper.hash("key")) == (True, False)
    assert pepper.verify("other", pepper.hash("key")) == (False, False)


def test_after_a_rotation_old_hashes_verify_and_are_stale() -> None:
    stored = Pepper(OLD).hash("key")
    both = Pepper(SecretStr(f"{NEW},{OLD}"))
    assert both.verify("key", stored) == (True, True)
    assert both.verify("key", both.hash("key")) == (True, False)
    assert both.hash("key").startswith("2$")


def test_a_hash_whose_pepper_is_gone_is_not_valid() -> None:
    assert Pepper(NEW).verify("key", Pepper(OLD).hash("key")) == (False, False)


def test_a_bare_secret_is_version_one() -> None:
    assert Pepper("s" * 32).verify("key", Pepper("1:" + "s" * 32).hash("key")).valid


def test_an_empty_pepper_says_what_to_set() -> None:
    with pytest.raises(ValueError, match="API_KEY_SALT is empty"):
        Pepper(" ")


def test_hashes_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    pepper = Pepper(OLD)
    pepper.verify("key", pepper.hash("key"))
    assert len(compared) == 1


def test_new_keys_differ_and_keep_their_public_part() -> None:
    one, other = new_key("aexk_", "0" * 16), new_key("aexk_", "0" * 16)
    assert one != other and one.startswith("aexk_" + "0" * 16) and len(one) == 5 + 64
