//! Reproducible randomness: the same seed gives the same run, on every machine and with every version of `rand`.

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `end`, without `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    /// None for an empty list.
    pub fn any<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() { None } else { list.get(self.below(list.len() as u64) as usize) }
    }
}

/// The seed of this run: `AIRLOCK_SEED`, or a new one. Always printed: cargo shows it when a test fails.
pub fn seed() -> u64 {
    let seed = match std::env::var("AIRLOCK_SEED") {
        Ok(text) => text.trim().parse().expect("AIRLOCK_SEED is a number"),
        Err(_) => rand::random::<u64>() >> 32,
    };
    println!("AIRLOCK_SEED={seed}");
    seed
}

/// Ten times as much with `AIRLOCK_LONG=1`.
pub fn scaled(count: u64) -> u64 {
    let long = std::env::var("AIRLOCK_LONG").is_ok_and(|value| value == "1");
    if long { 10 * count } else { count }
}
