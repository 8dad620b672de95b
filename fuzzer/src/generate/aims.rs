//! What programs should be like besides what the specification itself asks for.

use abispec::expr::Expr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A condition that a call should make true, or miss by little.
#[derive(Clone, Debug)]
pub struct Aim {
    /// Index of the call.
    pub call: usize,
    /// Index of its variant.
    pub variant: usize,
    /// The condition.
    pub condition: Arc<Expr>,
}

/// Aims, by call and variant.
#[derive(Clone, Debug, Default)]
pub struct Aims(BTreeMap<(usize, usize), Vec<Arc<Expr>>>);

impl Aims {
    /// The conditions of a variant.
    pub(crate) fn of(&self, call: usize, variant: usize) -> &[Arc<Expr>] {
        self.0.get(&(call, variant)).map_or(&[], Vec::as_slice)
    }
}

impl FromIterator<Aim> for Aims {
    fn from_iter<T: IntoIterator<Item = Aim>>(aims: T) -> Self {
        let mut all = Self::default();
        for Aim { call, variant, condition } in aims {
            all.0.entry((call, variant)).or_default().push(condition);
        }
        all
    }
}
