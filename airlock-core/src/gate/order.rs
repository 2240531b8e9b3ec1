/// Maps a finite double to an integer of the same order; −0 and 0 are equal (G22).
///
/// ```
/// use airlock_core::gate::sortable;
///
/// assert!(sortable(-2.5) < sortable(-1.0));
/// assert!(sortable(-1.0) < sortable(0.0));
/// assert_eq!(sortable(-0.0), sortable(0.0));
/// assert!(sortable(0.0) < sortable(1e-300));
/// ```
pub fn sortable(value: f64) -> u64 {
    // Adding 0 turns −0 into 0 and changes nothing else. The rest is IEEE 754: positive doubles sort like
    // their bits, negative ones against them.
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}
