//! Integers as C computes with them.

use super::machine::Machine;
use super::symbol::{Sym, sym};

/// The integer types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IntKind {
    Bool,
    Char,
    SChar,
    UChar,
    Short,
    UShort,
    Int,
    UInt,
    Long,
    ULong,
    LongLong,
    ULongLong,
    Int128,
    UInt128,
}

impl IntKind {
    /// Its name in C.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bool => "_Bool",
            Self::Char => "char",
            Self::SChar => "signed char",
            Self::UChar => "unsigned char",
            Self::Short => "short",
            Self::UShort => "unsigned short",
            Self::Int => "int",
            Self::UInt => "unsigned int",
            Self::Long => "long",
            Self::ULong => "unsigned long",
            Self::LongLong => "long long",
            Self::ULongLong => "unsigned long long",
            Self::Int128 => "__int128",
            Self::UInt128 => "unsigned __int128",
        }
    }

    /// Bytes.
    pub(crate) fn size(self, machine: &Machine) -> u64 {
        match self {
            Self::Bool | Self::Char | Self::SChar | Self::UChar => 1,
            Self::Short | Self::UShort => 2,
            Self::Int | Self::UInt => 4,
            Self::Long | Self::ULong => machine.word,
            Self::LongLong | Self::ULongLong => 8,
            Self::Int128 | Self::UInt128 => 16,
        }
    }

    /// Whether it holds negative numbers.
    pub(crate) fn signed(self, machine: &Machine) -> bool {
        match self {
            Self::Char => machine.char_signed,
            Self::SChar | Self::Short | Self::Int | Self::Long | Self::LongLong | Self::Int128 => true,
            Self::Bool | Self::UChar | Self::UShort | Self::UInt | Self::ULong | Self::ULongLong | Self::UInt128 => {
                false
            }
        }
    }

    /// The unsigned type of the same rank.
    pub(crate) const fn unsigned(self) -> Self {
        match self {
            Self::Char | Self::SChar | Self::UChar => Self::UChar,
            Self::Short | Self::UShort => Self::UShort,
            Self::Int | Self::UInt => Self::UInt,
            Self::Long | Self::ULong => Self::ULong,
            Self::LongLong | Self::ULongLong => Self::ULongLong,
            Self::Int128 | Self::UInt128 => Self::UInt128,
            Self::Bool => Self::Bool,
        }
    }

    /// What it becomes before arithmetic.
    pub(crate) fn promoted(self) -> Self {
        if self < Self::Int { Self::Int } else { self }
    }

    /// The type in which two operands meet.
    pub(crate) fn common(self, other: Self, machine: &Machine) -> Self {
        let (a, b) = (self.promoted(), other.promoted());
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        // An unsigned type that is not narrower than a signed one of higher rank wins by its sign.
        if !low.signed(machine) && high.signed(machine) && low.size(machine) >= high.size(machine) {
            high.unsigned()
        } else {
            high
        }
    }

    /// Cuts a number to the type.
    pub(crate) fn wrap(self, value: i128, machine: &Machine) -> i128 {
        let bits = self.size(machine) * 8;
        if self == Self::Bool {
            return i128::from(value != 0);
        }
        if bits >= 128 {
            return value;
        }
        let cut = value & ((1_i128 << bits) - 1);
        if self.signed(machine) && cut >> (bits - 1) & 1 == 1 { cut - (1_i128 << bits) } else { cut }
    }
}

/// A number and its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// The number, within its type.
    pub(crate) number: i128,
    /// The type.
    pub(crate) kind: IntKind,
}

impl Value {
    /// Cuts a number to a type.
    pub(crate) fn new(number: i128, kind: IntKind, machine: &Machine) -> Self {
        Self { number: kind.wrap(number, machine), kind }
    }

    /// The result of a comparison.
    pub(crate) fn truth(holds: bool) -> Self {
        Self { number: i128::from(holds), kind: IntKind::Int }
    }

    /// The number in another type.
    pub(crate) fn to(self, kind: IntKind, machine: &Machine) -> Self {
        Self::new(self.number, kind, machine)
    }
}

/// Reads an integer constant. `None`: it is none, a floating one for example.
pub(crate) fn integer(text: &str, machine: &Machine) -> Option<Value> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', b'b' | b'B', ..] => (&text[2..], 2),
        [b'0', ..] => (text, 8),
        _ => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    let number = i128::from(u64::from_str_radix(digits, radix).ok()?);
    use IntKind::{Int, Long, LongLong, UInt, ULong, ULongLong};
    let candidates: &[IntKind] = match (suffix.as_bytes(), radix == 10) {
        (b"", true) => &[Int, Long, LongLong],
        (b"", false) => &[Int, UInt, Long, ULong, LongLong, ULongLong],
        (b"u" | b"U", _) => &[UInt, ULong, ULongLong],
        (b"l" | b"L", true) => &[Long, LongLong],
        (b"l" | b"L", false) => &[Long, ULong, LongLong, ULongLong],
        ([b'u' | b'U', b'l' | b'L'] | [b'l' | b'L', b'u' | b'U'], _) => &[ULong, ULongLong],
        (b"ll" | b"LL", true) => &[LongLong],
        (b"ll" | b"LL", false) => &[LongLong, ULongLong],
        (
            [b'u' | b'U', b'l', b'l']
            | [b'u' | b'U', b'L', b'L']
            | [b'l', b'l', b'u' | b'U']
            | [b'L', b'L', b'u' | b'U'],
            _,
        ) => &[ULongLong],
        _ => return None,
    };
    let fits = |kind: &&IntKind| kind.wrap(number, machine) == number;
    let kind = candidates.iter().find(fits).copied().unwrap_or(ULongLong);
    Some(Value { number, kind })
}

/// Reads a character constant; several characters make one `int`, first one highest.
pub(crate) fn character(text: &str, machine: &Machine) -> Option<Value> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut bytes = Vec::new();
    let mut rest = inner.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\\' {
            let mut buffer = [0; 4];
            bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let digits = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>, radix, most| {
            let mut value = 0_u32;
            let mut count = 0;
            while let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix)).filter(|_| count < most) {
                value = value.wrapping_mul(radix).wrapping_add(digit);
                count += 1;
                rest.next();
            }
            value as u8
        };
        let byte = match rest.peek().copied()? {
            '0'..='7' => digits(&mut rest, 8, 3),
            'x' => {
                rest.next();
                digits(&mut rest, 16, usize::MAX)
            }
            other => {
                rest.next();
                match other {
                    'n' => b'\n',
                    't' => b'\t',
                    'r' => b'\r',
                    'a' => 7,
                    'b' => 8,
                    'f' => 12,
                    'v' => 11,
                    'e' => 27,
                    other => other as u8,
                }
            }
        };
        bytes.push(byte);
    }
    let number = match bytes.as_slice() {
        [] => return None,
        [one] => IntKind::Char.wrap(i128::from(*one), machine),
        many => many.iter().fold(0, |number, byte| IntKind::Int.wrap(number << 8 | i128::from(*byte), machine)),
    };
    Some(Value { number, kind: IntKind::Int })
}

/// Computes `a op b`.
pub(crate) fn binary(op: Sym, a: Value, b: Value, machine: &Machine) -> Result<Value, &'static str> {
    if matches!(op, sym::SHIFT_LEFT | sym::SHIFT_RIGHT) {
        let kind = a.kind.promoted();
        let bits = i128::from(kind.size(machine) * 8);
        if !(0..bits).contains(&b.number) {
            return Err("a shift by more bits than the type has");
        }
        let number = if op == sym::SHIFT_LEFT { a.number << b.number } else { a.number >> b.number };
        return Ok(Value::new(number, kind, machine));
    }
    let kind = a.kind.common(b.kind, machine);
    let (x, y) = (a.to(kind, machine).number, b.to(kind, machine).number);
    let number = match op {
        sym::PLUS => x.wrapping_add(y),
        sym::MINUS => x.wrapping_sub(y),
        sym::STAR => x.wrapping_mul(y),
        sym::SLASH => x.checked_div(y).ok_or("a division by zero")?,
        sym::PERCENT => x.checked_rem(y).ok_or("a division by zero")?,
        sym::AMP => x & y,
        sym::PIPE => x | y,
        sym::CARET => x ^ y,
        sym::EQUAL => return Ok(Value::truth(x == y)),
        sym::NOT_EQUAL => return Ok(Value::truth(x != y)),
        sym::LESS => return Ok(Value::truth(x < y)),
        sym::GREATER => return Ok(Value::truth(x > y)),
        sym::LESS_EQUAL => return Ok(Value::truth(x <= y)),
        sym::GREATER_EQUAL => return Ok(Value::truth(x >= y)),
        _ => return Err("an operator that makes no constant"),
    };
    Ok(Value::new(number, kind, machine))
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;

    #[test]
    fn constants_take_the_first_type_that_holds_them() {
        let (long, int) = (Machine::new(Arch::X86_64), Machine::new(Arch::I386));
        let kind = |text, machine| integer(text, machine).map(|value| value.kind);
        assert_eq!(kind("2147483648", &long), Some(IntKind::Long));
        assert_eq!(kind("0x80000000", &long), Some(IntKind::UInt));
        assert_eq!(kind("2147483648", &int), Some(IntKind::LongLong));
        assert_eq!(kind("0x100000000", &int), Some(IntKind::LongLong));
        assert_eq!(kind("1uLL", &int), Some(IntKind::ULongLong));
        assert_eq!(kind("1lL", &int), None, "the letters of `ll` have one case");
        assert_eq!(kind("0x1p3", &long), None);
        assert_eq!(kind("1.5", &long), None);
        assert_eq!(kind("08", &long), None);
        assert_eq!(integer("0b101", &long).map(|value| value.number), Some(5));
    }

    #[test]
    fn characters_may_be_several() {
        let machine = Machine::new(Arch::X86_64);
        let number = |text| character(text, &machine).map(|value| value.number);
        assert_eq!(number("'a'"), Some(97));
        assert_eq!(number(r"'\377'"), Some(-1));
        assert_eq!(number(r"'\x41'"), Some(65));
        assert_eq!(number("'ab'"), Some(0x6162));
        assert_eq!(number("''"), None);
    }

    #[test]
    fn operands_meet_in_their_common_type() {
        let machine = Machine::new(Arch::I386);
        let value = |text| integer(text, &machine).unwrap();
        let less = |a, b| binary(sym::LESS, value(a), b, &machine).unwrap().number;
        let minus_one = Value { number: -1, kind: IntKind::Int };
        assert_eq!(less("1u", minus_one), 1, "-1 becomes the largest unsigned int");
        assert_eq!(less("1", minus_one), 0);
        assert_eq!(IntKind::UInt.common(IntKind::Long, &machine), IntKind::ULong);
        assert_eq!(IntKind::UInt.common(IntKind::Long, &Machine::new(Arch::X86_64)), IntKind::Long);
        assert!(binary(sym::SLASH, value("1"), value("0"), &machine).is_err());
    }
}
