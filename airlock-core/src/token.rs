//! Secrets, tokens, and the handles that stand in for them inside a process.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rand::Rng as _;
use subtle::ConstantTimeEq;

use crate::name;

/// The 128 random bits of a token.
///
/// See [`Token`], whose part it is, for an example.
///
/// `Debug` does not show them, and they are compared in constant time.
#[derive(Clone, Copy)]
pub struct Secret([u64; 2]);

impl Secret {
    /// From this thread's cryptographic generator.
    pub fn random() -> Self {
        let mut generator = rand::rng();
        Secret([generator.next_u64(), generator.next_u64()])
    }

    /// From bytes that were kept.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| bytes[at + byte]));
        Secret([word(0), word(8)])
    }

    /// The bits themselves. Whoever has them can release the lease.
    pub fn expose_bytes(&self) -> [u8; 16] {
        (u128::from(self.0[0]) << 64 | u128::from(self.0[1])).to_be_bytes()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl std::hash::Hash for Secret {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[0]);
        state.write_u64(self.0[1]);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The portable right to a place in line or a lease: a resource and a secret.
///
/// It is all that another process needs to renew or release the lease. `Debug` shows nothing of it;
/// [`expose`](Token::expose) gives the whole in text, and [`FromStr`] reads it back.
///
/// ```
/// use airlock_core::Token;
///
/// let token = Token::random("job:invoice")?;
/// let text = token.expose();
/// assert_eq!(text.parse::<Token>()?, token);
/// assert!(!format!("{token:?}").contains(&text));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Token {
    resource: Arc<str>,
    secret: Secret,
}

/// The version of the text form.
const PREFIX: &str = "al1";

impl Token {
    /// A new token for a resource.
    ///
    /// # Errors
    ///
    /// When the resource is no valid name: 1 to 512 bytes without control characters.
    pub fn random(resource: &str) -> Result<Self, name::InvalidName> {
        name::check(name::What::Resource, resource)?;
        Ok(Token::new(resource.into(), Secret::random()))
    }

    pub(crate) fn new(resource: Arc<str>, secret: Secret) -> Self {
        Token { resource, secret }
    }

    /// The resource that it is for.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The secret that it carries.
    pub fn secret(&self) -> Secret {
        self.secret
    }

    /// The text form, `al1.` + 32 hexadecimal digits + `.` + resource. Keep it where you keep passwords.
    pub fn expose(&self) -> String {
        let mut text = format!("{PREFIX}.");
        for byte in self.secret.expose_bytes() {
            text.push_str(&format!("{byte:02x}"));
        }
        text.push('.');
        text.push_str(&self.resource);
        text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let mut parts = text.splitn(3, '.');
        if parts.next() != Some(PREFIX) {
            return Err(InvalidToken("it does not start with `al1.`: another version, or no token"));
        }
        let digits = parts.next().unwrap_or_default().as_bytes();
        let resource = parts.next().ok_or(InvalidToken("it has no resource: it was cut off"))?;
        let mut secret = [0; 16];
        if digits.len() != 32 {
            return Err(InvalidToken("its secret is not 32 digits long"));
        }
        for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(InvalidToken("its secret is not hexadecimal"));
            };
            *byte = (high * 16 + low) as u8;
        }
        if name::check(name::What::Resource, resource).is_err() {
            return Err(InvalidToken("its resource is not a valid name"));
        }
        Ok(Token { resource: resource.into(), secret: Secret::from_bytes(secret) })
    }
}

/// A text that is no token. It does not repeat the text.
///
/// See [`Token`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidToken(&'static str);

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an airlock token: {}", self.0)
    }
}

impl std::error::Error for InvalidToken {}

/// A handle on a ticket of a store in this process: where it is, and a number that is never used again there.
///
/// For stores in this process, as [`MemoryStore`](crate::store::MemoryStore) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Local {
    pub(crate) home: u64,
    pub(crate) slot: u32,
    pub(crate) serial: u64,
    /// Where a store is made of two, whose it is; 0 in a store of its own.
    pub(crate) side: u32,
}
