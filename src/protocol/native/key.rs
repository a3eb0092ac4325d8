//! Key: how both ends prove that they have the same 32 bytes, without showing them.
//!
//! Pure.
//!
//! The initiator's MAC is the BLAKE3 keyed hash of the challenge's body and the logon's body with
//! its `mac` zero; the acceptor's is that of both and the welcome's body with its `mac` zero. Each
//! begins with a label of its own, so neither can stand for the other. The nonce makes the first
//! fresh, the salt the second.

use crate::protocol::native::bodies::{Challenge, Logon, Welcome};
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// What stands in front of the initiator's proof.
pub const LOGON_LABEL: &[u8; 16] = b"portcullis-logon";
/// What stands in front of the acceptor's proof.
pub const WELCOME_LABEL: &[u8; 16] = b"portcullis-welcm";

/// A secret shared by two ends. Never shown, also not for debugging.
#[derive(Clone)]
pub struct Key([u8; 32]);

impl Key {
    /// From its bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The initiator's proof. What `logon.mac` holds does not matter.
    pub fn logon_mac(&self, challenge: &Challenge, logon: &Logon) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(LOGON_LABEL);
        hasher.update(bytemuck::bytes_of(challenge));
        hasher.update(bytemuck::bytes_of(&Logon {
            mac: [0; 32],
            ..*logon
        }));
        *hasher.finalize().as_bytes()
    }

    /// The acceptor's proof. What `welcome.mac` holds does not matter.
    pub fn welcome_mac(&self, challenge: &Challenge, logon: &Logon, welcome: &Welcome) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(WELCOME_LABEL);
        hasher.update(bytemuck::bytes_of(challenge));
        hasher.update(bytemuck::bytes_of(logon));
        hasher.update(bytemuck::bytes_of(&Welcome {
            mac: [0; 32],
            ..*welcome
        }));
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(..)")
    }
}

/// Whether the logon answers the challenge with this key. Takes the same time when there is no key,
/// because the name is unknown, as when the key is wrong.
pub fn logon_is_proven(key: Option<&Key>, challenge: &Challenge, logon: &Logon) -> bool {
    const NOBODY: Key = Key([0x5a; 32]);
    let expected = key.unwrap_or(&NOBODY).logon_mac(challenge, logon);
    let is_equal = expected.ct_eq(&logon.mac);
    (is_equal & Choice::from(u8::from(key.is_some()))).into()
}

/// Whether the welcome comes from who has the key.
pub fn welcome_is_proven(
    key: &Key,
    challenge: &Challenge,
    logon: &Logon,
    welcome: &Welcome,
) -> bool {
    key.welcome_mac(challenge, logon, welcome)
        .ct_eq(&welcome.mac)
        .into()
}
