//! What a visitor brings: a signed identity, and once it is inside a signed pass.
//!
//! `v1.kid.payload.mac`. The signature covers everything before it, as it was written, so that there is one text for each
//! cookie; the payload says what it is for, whose, until when, and which airlock's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rand::Rng as _;

use super::key::PassKey;

const VERSION: &str = "v1";
/// Longer than any that was made: an airlock's name has at most 512 bytes.
const LONGEST: usize = 1024;
/// What is in a payload before the airlock's name.
const FIXED: usize = 1 + 16 + 8 + 8 + 8;

/// What a cookie is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A place in line.
    Identity = 1,
    /// To be inside.
    Pass = 2,
}

/// A visitor: 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct VisitorId([u8; 16]);

impl VisitorId {
    pub(super) fn random() -> Self {
        let mut id = [0; 16];
        rand::rng().fill_bytes(&mut id);
        VisitorId(id)
    }

    /// What the gate knows it by.
    pub(super) fn identity(self) -> String {
        BASE64.encode(self.0)
    }
}

/// What a cookie says, once it was found to be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Voucher {
    pub(super) visitor: VisitorId,
    /// Of the lease; 0 for an identity, and for a pass without a lease.
    pub(super) fence: u64,
    /// In seconds since 1970, as the next.
    pub(super) issued: u64,
    pub(super) not_after: u64,
}

impl Voucher {
    /// The value of a cookie.
    pub(super) fn sign(&self, key: &PassKey, purpose: Purpose, airlock: &str) -> String {
        let mut payload = Vec::with_capacity(FIXED + airlock.len());
        payload.push(purpose as u8);
        payload.extend_from_slice(&self.visitor.0);
        for number in [self.fence, self.issued, self.not_after] {
            payload.extend_from_slice(&number.to_be_bytes());
        }
        payload.extend_from_slice(airlock.as_bytes());
        let signed = format!("{VERSION}.{}.{}", key.id(), BASE64.encode(payload));
        let signature = BASE64.encode(key.sign(purpose, &signed));
        format!("{signed}.{signature}")
    }

    /// What the value of a cookie says, if it is true at that time: signed by one of the keys, for this purpose and this
    /// airlock, and not expired.
    pub(super) fn verify(key: &PassKey, purpose: Purpose, airlock: &str, value: &str, now: u64) -> Option<Self> {
        if value.len() > LONGEST {
            return None;
        }
        let (signed, signature) = value.rsplit_once('.')?;
        let mut parts = signed.split('.');
        let (VERSION, id, payload, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        let signature = BASE64.decode(signature).ok()?;
        if !key.has_signed(id, purpose, signed, &signature) {
            return None;
        }
        // From here on it is what this room wrote, though perhaps for something else.
        let payload = BASE64.decode(payload).ok()?;
        let (fixed, name) = payload.split_at_checked(FIXED)?;
        let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| fixed[at + byte]));
        let visitor = VisitorId(std::array::from_fn(|byte| fixed[1 + byte]));
        let voucher = Voucher { visitor, fence: number(17), issued: number(25), not_after: number(33) };
        let holds = fixed[0] == purpose as u8 && name == airlock.as_bytes() && now < voucher.not_after;
        holds.then_some(voucher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn voucher() -> Voucher {
        Voucher { visitor: VisitorId::random(), fence: 7, issued: NOW, not_after: NOW + 60 }
    }

    #[test]
    fn it_says_what_was_signed_and_only_where_it_was_meant() {
        let (key, other) = (PassKey::generate(), PassKey::generate());
        let (good, pass) = (voucher(), Purpose::Pass);
        let value = good.sign(&key, pass, "shop");
        let verify = |key: &PassKey, purpose, airlock: &str, now| Voucher::verify(key, purpose, airlock, &value, now);
        assert_eq!(verify(&key, pass, "shop", NOW), Some(good));
        assert_eq!(verify(&key, pass, "shop", NOW + 59), Some(good));
        assert_eq!(verify(&key, pass, "shop", NOW + 60), None, "expired");
        assert_eq!(verify(&key, Purpose::Identity, "shop", NOW), None, "for something else");
        for airlock in ["", "sho", "shop2", "museum"] {
            assert_eq!(verify(&key, pass, airlock, NOW), None, "another airlock: {airlock}");
        }
        assert_eq!(verify(&other, pass, "shop", NOW), None, "another key");
        let both = other.clone().with_previous(key.clone());
        assert_eq!(verify(&both, pass, "shop", NOW), Some(good), "an older key");
        assert!(Voucher::verify(&key, pass, "shop", &good.sign(&both, pass, "shop"), NOW).is_none(), "the first signs");
    }

    /// Good ones that were changed in many ways, and noise in the form of a cookie.
    #[test]
    fn of_a_million_that_nobody_made_none_is_true() {
        use rand::rngs::SmallRng;
        use rand::{RngExt as _, SeedableRng as _};

        let seed = std::env::var("AIRLOCK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
        println!("AIRLOCK_SEED={seed}");
        let mut random = SmallRng::seed_from_u64(seed);
        let key = PassKey::generate();
        let goods: Vec<_> = (0..16).map(|_| voucher().sign(&key, Purpose::Pass, "shop")).collect();
        for _ in 0..1_000_000 {
            let good = &goods[random.random_range(0..goods.len())];
            let mut parts: Vec<Vec<u8>> = good.split('.').map(|part| part.as_bytes().to_vec()).collect();
            let other = &goods[random.random_range(0..goods.len())];
            let which = random.random_range(0..parts.len());
            let part = &mut parts[which];
            let at = random.random_range(0..part.len());
            match random.random_range(0..6) {
                0 => part[at] = random.random_range(0x20..0x7f),
                1 => part.insert(at, random.random_range(0x20..0x7f)),
                2 => drop(part.remove(at)),
                3 => part.truncate(at),
                // A part of another's, or noise of the right length.
                4 => *part = other.split('.').nth(which).expect("as many parts").as_bytes().to_vec(),
                _ => *part = BASE64.encode(random.random::<[u8; 32]>()).into_bytes(),
            }
            let value = String::from_utf8(parts.join(&b'.')).expect("ASCII");
            let verified = Voucher::verify(&key, Purpose::Pass, "shop", &value, NOW);
            assert_eq!(verified.is_some(), goods.contains(&value), "{value}");
        }
    }

    /// There is one text for each cookie: nothing in it can be written otherwise and still be true.
    #[test]
    fn no_bit_of_it_can_be_changed() {
        let key = PassKey::generate();
        let value = voucher().sign(&key, Purpose::Pass, "shop");
        for at in 0..value.len() {
            for byte in (0x20..0x7f).filter(|byte| *byte != value.as_bytes()[at]) {
                let mut changed = value.clone().into_bytes();
                changed[at] = byte;
                let changed = String::from_utf8(changed).expect("ASCII");
                assert!(Voucher::verify(&key, Purpose::Pass, "shop", &changed, NOW).is_none(), "{changed}");
            }
            assert!(Voucher::verify(&key, Purpose::Pass, "shop", &value[..at], NOW).is_none(), "cut off at {at}");
        }
        for longer in [format!("{value}A"), format!("{value}="), format!(" {value}"), format!("{value}.x")] {
            assert!(Voucher::verify(&key, Purpose::Pass, "shop", &longer, NOW).is_none(), "{longer}");
        }
    }
}
