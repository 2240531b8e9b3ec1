/// Random numbers from the entropy of one command.
///
/// A [step](crate::gate::step) makes one of its argument.
///
/// Marsaglia's xorshift with a period of 2⁶⁴ − 1 over two 32-bit words ("Xorshift RNGs", Journal of Statistical
/// Software 8(14), 2003): only exclusive or and shifts, so that a store in another language draws the same.
#[derive(Clone, Copy, Debug)]
pub struct Entropy {
    x: u32,
    y: u32,
}

impl Entropy {
    /// From 64 random bits.
    pub fn new(seed: u64) -> Self {
        let (x, y) = ((seed >> 32) as u32, seed as u32);
        // All zeros would stay so.
        Entropy { x, y: if x == 0 && y == 0 { 1 } else { y } }
    }

    fn next(&mut self) -> u32 {
        let t = self.x ^ (self.x << 10);
        self.x = self.y;
        self.y = self.y ^ (self.y >> 10) ^ t ^ (t >> 13);
        self.y
    }

    /// 53 bits.
    pub(super) fn bits(&mut self) -> u64 {
        let high = u64::from(self.next());
        high << 21 | u64::from(self.next() >> 11)
    }

    /// At least 0 and less than 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.bits() as f64 / (1u64 << 53) as f64
    }

    /// At least 0 and less than `count`, which is not 0.
    pub(super) fn below(&mut self, count: u64) -> u64 {
        ((self.unit() * count as f64) as u64).min(count - 1)
    }
}
