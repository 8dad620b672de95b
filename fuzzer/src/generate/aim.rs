//! Aimed arguments: the values that make one condition of the specification true, or miss it by one conjunct.

mod places;
mod refusals;

use super::Wishes;
use super::dice::Dice;
use super::mine::Spot;
use super::names::{PathWish, name};
use super::objects::{ObjectWish, object};
use super::producers::{Names, Producers};
use super::search::search;
use super::served::Served;
use super::values::{AT_FDCWD, bad_pointer};
use crate::program::{Argument, Block, Placement, Program};
use crate::unmade::{BEHIND, Unmade};
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Function, Moment, Observer, OperandValue, Truth, UnaryOp, Word, truth};
use abispec::target::{Call, Variant};
use abispec::types::Type;

/// A condition, and the errno of the rule that has it.
#[derive(Clone, Copy)]
struct Goal<'a> {
    condition: &'a Expr,
    errno: Option<Errno>,
}

/// What calls of a variant can be aimed at.
pub(super) struct Goals<'a> {
    all: Vec<Goal<'a>>,
    /// Those that are wanted most.
    wanted: Vec<Goal<'a>>,
}

impl Goals<'_> {
    /// Whether some are wanted more than others.
    pub(super) fn wanted(&self) -> bool {
        !self.wanted.is_empty()
    }
}

/// Every condition that speaks of what is before the call, and those of them that are wished for.
pub(super) fn goals<'a>(
    variant: &'a Variant,
    wishes: Option<&'a Wishes>,
    links: &'a [Expr],
    call: usize,
    variant_index: usize,
) -> Goals<'a> {
    let rules = variant.rules.iter().map(|rule| (rule.clause, &rule.condition, Some(rule.errno)));
    let ensures = variant.ensures.iter().map(|ensure| (ensure.clause, &ensure.condition, None));
    let effects =
        variant.effects.iter().filter_map(|rule| Some((rule.clause, &rule.effect.when.as_ref()?.value, None)));
    let useful = |condition: &&Expr| !matches!(condition, Expr::Bool(_) | Expr::Unknown(_));
    let plain = |condition| Goal { condition, errno: None };
    let mut goals = Goals { all: Vec::new(), wanted: Vec::new() };
    for (clause, condition, errno) in rules.chain(ensures).chain(effects).filter(|(_, condition, _)| useful(condition))
    {
        let goal = Goal { condition, errno };
        goals.all.push(goal);
        if wishes.is_some_and(|wishes| wishes.clauses.contains(&clause)) {
            goals.wanted.push(goal);
        }
    }
    for param in &variant.params {
        let keys = param.path.iter().flat_map(|keys| [&keys.follow, &keys.empty, &keys.must_exist, &keys.scoped]);
        let used = param.memory.as_ref().and_then(|memory| memory.used.as_ref());
        goals.all.extend(used.into_iter().chain(keys).filter(useful).map(plain));
    }
    goals.all.extend(links.iter().map(plain));
    let own = wishes.map_or(&[][..], |wishes| wishes.aims.of(call, variant_index));
    let asked: Vec<Goal<'_>> = own.iter().map(|own| &**own).filter(useful).map(plain).collect();
    // What is asked for goes before what has not been seen.
    if !asked.is_empty() {
        goals.wanted = asked;
    }
    goals
}

/// Changes arguments so that a condition of the call, picked by chance, is true or misses one conjunct. What the condition
/// says nothing about becomes plain, so that nothing else hides it.
pub(super) fn aim(
    dice: &mut Dice<'_>,
    variant: &Variant,
    goals: &Goals<'_>,
    producers: &Producers<'_>,
    call: &Call,
    program: &mut Program,
    args: &mut [Argument],
) {
    let unseen = goals.wanted() && dice.chance(if producers.is_served() { 90 } else { 60 });
    let list = if unseen { &goals.wanted } else { &goals.all };
    let Some(Goal { condition, errno }) = dice.pick(list).copied() else { return };
    let served = errno.filter(|_| dice.chance(75)).and_then(|errno| producers.served(errno, variant));
    let wishes = variant.params.iter().map(|_| PathWish::default()).collect();
    let objects = variant.params.iter().map(|_| ObjectWish::default()).collect();
    let mut aiming = Aiming { dice, variant, selector: call.select, args, wishes, objects, served };
    if aiming.dice.chance(75) {
        aiming.make_plain();
    }
    let want = aiming.dice.chance(65);
    aiming.solve(condition, want);
    if aiming.dice.chance(70) {
        aiming.clear_the_way(condition);
    }
    if unseen && want {
        aiming.search(condition);
    }
    if aiming.dice.chance(25) {
        aiming.turn_a_bit();
    }
    aiming.request();
    aiming.name_files(producers.names);
    aiming.make_objects(producers, program);
}

struct Aiming<'a, 'd, 'r> {
    dice: &'d mut Dice<'r>,
    variant: &'a Variant,
    selector: Option<u8>,
    args: &'d mut [Argument],
    wishes: Vec<PathWish>,
    objects: Vec<ObjectWish>,
    /// Names that bring the errno about.
    served: Option<Served<'a>>,
}

/// A number that a condition looks at: where it is, its bytes, which of its bits count, and what is added to it.
struct Number {
    spot: Spot,
    bytes: usize,
    mask: i128,
    add: i128,
}

impl Aiming<'_, '_, '_> {
    /// Flags become 0, and so does what the kernel reads of structs.
    fn make_plain(&mut self) {
        for (position, (param, arg)) in self.variant.params.iter().zip(self.args.iter_mut()).enumerate() {
            let selects = self.selector.map(usize::from) == Some(position);
            match (&param.ty, arg) {
                (Type::Flags { .. }, arg @ Argument::Number(_)) if !selects => *arg = Argument::Number(0),
                (Type::Ptr { to, direction, .. }, Argument::Block(block)) if block.links.is_empty() => {
                    // What is only written keeps its poison mostly.
                    let plain = direction.reads() || self.dice.chance(25);
                    if plain && matches!(**to, Type::Struct(_) | Type::Extensible { .. }) {
                        block.bytes.fill(0);
                    }
                }
                _ => {}
            }
        }
    }

    /// Makes rules false that the numbers and the names wished for make true: they would hide the condition.
    fn clear_the_way(&mut self, condition: &Expr) {
        let variant = self.variant;
        for _ in 0..2 {
            for rule in variant.rules.iter().filter(|rule| rule.duty && &rule.condition != condition) {
                let planned = Planned { args: self.args, wishes: &self.wishes };
                if truth(&rule.condition, &planned, Moment::Before) == Truth::True {
                    self.solve(&rule.condition, false);
                }
            }
        }
    }

    /// Looks for numbers that the condition does not name.
    fn search(&mut self, condition: &Expr) {
        let wishes = &self.wishes;
        let judge = |condition: &Expr, args: &[Argument]| truth(condition, &Planned { args, wishes }, Moment::Before);
        search(self.dice, condition, self.selector, self.args, &judge);
    }

    /// Turns one bit of a flags parameter or of what the kernel reads, low ones more often.
    fn turn_a_bit(&mut self) {
        let position = self.dice.below(self.args.len());
        let few = if self.dice.chance(70) { 24 } else { 64 };
        let bit = self.dice.below(few);
        let Some(param) = self.variant.params.get(position) else { return };
        match (&param.ty, &mut self.args[position]) {
            (Type::Flags { .. }, Argument::Number(value)) => *value ^= 1 << bit,
            (Type::Ptr { .. }, Argument::Block(block)) if block.links.is_empty() => {
                let at = self.dice.below(block.bytes.len().div_ceil(8)) * 8 + bit / 8;
                if let Some(byte) = block.bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            _ => {}
        }
    }

    fn solve(&mut self, expr: &Expr, want: bool) {
        match expr {
            Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), ..) => {
                let parts = expr.joined(*op);
                // An AND is false, and an OR true, by one part alone.
                let all = want == (*op == BinaryOp::And);
                let one = self.dice.below(parts.len());
                for (index, part) in parts.iter().enumerate() {
                    if all || index != one {
                        self.solve(part, *op == BinaryOp::And);
                    }
                }
                if !all {
                    self.solve(parts[one], *op == BinaryOp::Or);
                }
            }
            Expr::Binary(BinaryOp::Implies, when, _) => self.solve(when, want),
            Expr::Unary(UnaryOp::Not, inner) => self.solve(inner, !want),
            Expr::Old(inner) => self.solve(inner, want),
            Expr::Binary(op, left, right) if op.precedence() == 4 => self.compare(*op, left, right, want),
            Expr::In(inner, list) => self.membership(inner, list, want),
            Expr::Call(function, list) => self.question(*function, list, want),
            _ => {}
        }
    }

    fn compare(&mut self, op: BinaryOp, left: &Expr, right: &Expr, want: bool) {
        let op = if want { op } else { opposite(op) };
        if let Expr::Word(_) = right {
            return self.membership(left, std::slice::from_ref(right), op == BinaryOp::Eq);
        }
        if let (Some((Function::Walk, path)), Expr::Int(errno)) = (path_function(left), right) {
            return self.fail_walk(path, *errno, op == BinaryOp::Eq);
        }
        if let (Expr::Param(a), Expr::Param(b)) = (left, right) {
            if op == BinaryOp::Eq && usize::from(*a) < self.args.len() {
                let both = places::shared(&self.args[usize::from(*a)]);
                self.args[usize::from(*a)] = both.clone();
                self.args[usize::from(*b)] = both;
            }
            return;
        }
        if self.sort(left, std::slice::from_ref(right), op == BinaryOp::Eq) {
            return;
        }
        if let (Expr::Param(index), Expr::Int(0), BinaryOp::Eq) = (left, right, op)
            && let Some(pointer @ Argument::Block(_)) = self.args.get_mut(usize::from(*index))
        {
            *pointer = Argument::Number(0);
            return;
        }
        let (Some(number), Some(value)) = (self.number(left), self.value(right)) else { return };
        let Some(current) = self.read(&number) else { return };
        let width = if number.bytes >= 8 { u64::MAX.into() } else { (1_i128 << (8 * number.bytes)) - 1 };
        let mask = number.mask & width;
        let masked = number.mask != -1;
        let near =
            |dice: &mut Dice<'_>, by: i128| if dice.chance(60) { by } else { by * (1 + dice.below(5000) as i128) };
        let new = match op {
            BinaryOp::Eq if masked => current & !mask | value & mask,
            BinaryOp::Ne if masked => {
                let Some(bit) = self.bit(mask) else { return };
                let kept = current & !mask | value & mask;
                kept ^ bit
            }
            _ if masked => return,
            BinaryOp::Eq | BinaryOp::Le | BinaryOp::Ge if self.dice.chance(60) => value,
            BinaryOp::Eq => value,
            BinaryOp::Lt | BinaryOp::Le => value - near(self.dice, 1),
            BinaryOp::Gt | BinaryOp::Ge => value + near(self.dice, 1),
            _ => {
                let up = self.dice.chance(50);
                value + near(self.dice, if up { 1 } else { -1 })
            }
        };
        self.write(&number, new - number.add);
    }

    fn fail_walk(&mut self, path: u8, errno: i128, want: bool) {
        if let (false, Some(wish)) = (self.is_descriptor(path), self.wishes.get_mut(usize::from(path))) {
            wish.any = true;
            wish.walk = if want { errno } else { 0 };
        }
    }

    /// The number that an expression looks at; a part of a sum that only the kernel knows is guessed.
    fn number(&mut self, expr: &Expr) -> Option<Number> {
        if let Expr::Binary(BinaryOp::Add, known, unknown) = expr {
            for (a, b) in [(known, unknown), (unknown, known)] {
                if let (Some(found), Expr::Call(..) | Expr::Old(_)) = (number(a), &**b) {
                    return self.value(b).map(|value| Number { add: found.add + value, ..found });
                }
            }
        }
        number(expr)
    }

    /// A number, or what it may well be: the length of a file, a position.
    fn value(&mut self, expr: &Expr) -> Option<i128> {
        match expr {
            Expr::Int(value) => Some(*value),
            Expr::Old(inner) => self.value(inner),
            Expr::Call(Function::Size | Function::Offset | Function::Available | Function::Room, _) => {
                Some(self.dice.of([0, 10, 10, 100, 300, 4096, 5000, 9000, 9000]))
            }
            Expr::Call(function, _) => places::of_the_caller(*function),
            _ => None,
        }
    }

    fn bit(&mut self, mask: i128) -> Option<i128> {
        let bits: Vec<i128> = (0..64).map(|bit| 1_i128 << bit).filter(|bit| mask & bit != 0).collect();
        self.dice.pick(&bits).copied()
    }

    fn membership(&mut self, inner: &Expr, list: &[Expr], want: bool) {
        if let Some(function) = path_function(inner) {
            let words = list.iter().filter_map(|item| if let Expr::Word(word) = item { Some(*word) } else { None });
            if self.is_descriptor(function.1) {
                match (function.0, self.objects.get_mut(usize::from(function.1))) {
                    (Function::Kind, Some(wish)) if want => wish.kinds = words.collect(),
                    (Function::Kind, Some(wish)) => wish.not_kinds.extend(words),
                    (Function::Fs, Some(wish)) => wish.elsewhere = true,
                    _ => {}
                }
                return;
            }
            let Some(wish) = self.wishes.get_mut(usize::from(function.1)) else { return };
            wish.any |= matches!(function.0, Function::Kind | Function::Fs);
            if function.0 == Function::Kind {
                if want { wish.kinds = words.collect() } else { wish.not_kinds.extend(words) }
            }
            return;
        }
        if self.sort(inner, list, want) {
            return;
        }
        let Some(number) = self.number(inner) else { return };
        let values: Vec<i128> =
            list.iter().filter_map(|item| if let Expr::Int(value) = item { Some(*value) } else { None }).collect();
        if let (true, Some(value)) = (want, self.dice.pick(&values).copied()) {
            self.write(&number, value - number.add);
        }
    }

    /// Takes note of a wish for a family or a type of sockets; false where it is for something else.
    fn sort(&mut self, of: &Expr, list: &[Expr], want: bool) -> bool {
        let Some((function @ (Function::Family | Function::SocketType), index)) = path_function(of) else {
            return false;
        };
        let Some(wish) = self.objects.get_mut(usize::from(index)) else { return true };
        let numbers = list.iter().filter_map(|item| if let Expr::Int(number) = item { Some(*number) } else { None });
        let socket = &mut wish.socket;
        wish.kinds = vec![Word::Socket];
        match (function, want) {
            (Function::Family, true) => socket.families = numbers.collect(),
            (Function::Family, false) => socket.not_families.extend(numbers),
            (_, true) => socket.kinds = numbers.collect(),
            (_, false) => socket.not_kinds.extend(numbers),
        }
        true
    }

    fn question(&mut self, function: Function, list: &[Expr], want: bool) {
        if self.about_a_place(function, list, want) {
            return;
        }
        let Some(Expr::Param(index)) = list.first() else { return };
        if self.is_descriptor(*index) {
            return self.wish_for_object(function, *index, want);
        }
        let is_path =
            self.variant.params.get(usize::from(*index)).is_some_and(|param| matches!(param.ty, Type::Path { .. }));
        if !is_path {
            return;
        }
        let Some(wish) = self.wishes.get_mut(usize::from(*index)) else { return };
        let any = std::mem::replace(&mut wish.any, true);
        match function {
            Function::Exists => wish.exists = Some(want),
            Function::Empty => wish.empty = want,
            Function::TrailingSlash => wish.slash = want,
            Function::Absolute => wish.absolute = want,
            Function::ViaSymlink => wish.link = want,
            Function::LastIsSymlink => wish.last_link = want,
            Function::May => wish.denied = !want,
            Function::MayParent => wish.parent_denied = !want,
            Function::ReadOnlyFs => wish.read_only = want,
            Function::Leaves | Function::CrossesMount => wish.outside = want,
            Function::Overlong => wish.overlong = want,
            Function::Unreadable => wish.unreadable = want,
            _ => wish.any = any,
        }
    }

    fn is_descriptor(&self, index: u8) -> bool {
        let param = self.variant.params.get(usize::from(index));
        param.is_some_and(|param| matches!(&param.ty, Type::Resource(name) if name.starts_with("fd")))
    }

    fn wish_for_object(&mut self, function: Function, index: u8, want: bool) {
        let Some(wish) = self.objects.get_mut(usize::from(index)) else { return };
        match function {
            Function::Open => wish.closed = !want,
            Function::IsPath => wish.is_path = want,
            Function::Readable => wish.readable = Some(want),
            Function::Writable => wish.writable = Some(want),
            Function::Append => wish.append = want,
            Function::Fresh => wish.socket.fresh = Some(want),
            Function::Nonblock => wish.socket.nonblock = Some(want),
            Function::Seekable if want => wish.kinds = vec![Word::Regular, Word::Directory],
            Function::Seekable => wish.kinds = vec![Word::Pipe, Word::Socket],
            _ => {}
        }
    }

    /// Makes the descriptors that are wished for, before the call.
    fn make_objects(&mut self, producers: &Producers<'_>, program: &mut Program) {
        for position in 0..self.objects.len() {
            let wish = std::mem::take(&mut self.objects[position]);
            if wish == ObjectWish::default() {
                continue;
            }
            let made = self
                .refusing(position, &wish, producers, program)
                .or_else(|| object(self.dice, &wish, producers, program));
            if let Some(made) = made {
                self.args[position] = made;
            }
        }
    }

    fn read(&self, number: &Number) -> Option<i128> {
        match (number.spot, self.args.get(usize::from(spot_param(number.spot)))?) {
            (Spot::Param(_), Argument::Number(value)) => Some((*value).into()),
            (Spot::Behind(_, offset), Argument::Block(block)) => {
                let at = offset as usize;
                let mut bytes = [0; 8];
                bytes.get_mut(..number.bytes)?.copy_from_slice(block.bytes.get(at..at + number.bytes)?);
                Some(u64::from_le_bytes(bytes).into())
            }
            _ => None,
        }
    }

    fn write(&mut self, number: &Number, value: i128) {
        if self.selector == Some(spot_param(number.spot)) {
            return;
        }
        let low = value as u64;
        match (number.spot, self.args.get_mut(usize::from(spot_param(number.spot)))) {
            (Spot::Param(_), Some(Argument::Number(slot))) => *slot = low,
            (Spot::Behind(_, offset), Some(Argument::Block(block))) => {
                let at = offset as usize;
                if let Some(slot) = block.bytes.get_mut(at..at + number.bytes.min(8)) {
                    slot.copy_from_slice(&low.to_le_bytes()[..number.bytes.min(8)]);
                }
            }
            _ => {}
        }
    }

    fn name_files(&mut self, names: &Names) {
        for position in 0..self.wishes.len() {
            let keys = self.variant.params[position].path.as_ref();
            if !self.wishes[position].any || keys.is_none() {
                continue;
            }
            self.args[position] = if self.wishes[position].unreadable {
                Argument::Number(bad_pointer(self.dice))
            } else {
                let wish = &self.wishes[position];
                let named = self.served.and_then(|served| served.pick(self.dice, position, |stands| wish.fits(stands)));
                let text = match named.filter(|_| self.dice.chance(80)) {
                    Some(named) => named.path.clone(),
                    None => name(self.dice, wish, names),
                };
                Argument::Block(Block { placement: Placement::Middle, ..Block::text(text.as_bytes()) })
            };
            if let Some(base) = keys.and_then(|keys| keys.base)
                && self.dice.chance(70)
            {
                self.args[usize::from(base)] = Argument::Number(AT_FDCWD);
            }
        }
    }
}

/// A call that is not made yet: its registers, memory behind them, and what its names will be.
struct Planned<'a> {
    args: &'a [Argument],
    wishes: &'a [PathWish],
}

/// Where memory of programs ends, on the port that sees most of it; a page less or more is a near miss.
const USER_END: i128 = (1 << 47) - 4096;
impl Observer for Planned<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        Unmade(self.args).argument(index)
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128> {
        Unmade(self.args).load(address, size, signed, moment)
    }

    fn call(&self, function: Function, operands: &[OperandValue], _: Moment) -> Option<i128> {
        let OperandValue::Param { index, value } = operands.first()? else { return None };
        if let (Function::UserRange, Some(start), Some(len)) = (function, value, operands.get(1)?.value()) {
            return Some(i128::from(*start >= BEHIND || start + len <= USER_END));
        }
        let wish = self.wishes.get(usize::from(*index)).filter(|wish| wish.any)?;
        match function {
            Function::Exists => Some(i128::from(wish.exists != Some(false))),
            Function::Empty => Some(i128::from(wish.empty)),
            Function::Overlong => Some(i128::from(wish.overlong)),
            Function::Unreadable => Some(i128::from(wish.unreadable)),
            Function::Walk => Some(wish.walk),
            Function::TrailingSlash => Some(i128::from(wish.slash)),
            Function::LastIsSymlink => Some(i128::from(wish.last_link)),
            Function::ViaSymlink => Some(i128::from(wish.link || wish.last_link)),
            Function::Kind => match wish.kinds[..] {
                [only] => Some(only.number()),
                _ => None,
            },
            _ => None,
        }
    }
}

fn spot_param(spot: Spot) -> u8 {
    match spot {
        Spot::Param(index) | Spot::Behind(index, _) => index,
    }
}

fn opposite(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Eq => BinaryOp::Ne,
        BinaryOp::Ne => BinaryOp::Eq,
        BinaryOp::Lt => BinaryOp::Ge,
        BinaryOp::Ge => BinaryOp::Lt,
        BinaryOp::Gt => BinaryOp::Le,
        BinaryOp::Le => BinaryOp::Gt,
        other => other,
    }
}

/// A function of a path parameter.
fn path_function(expr: &Expr) -> Option<(Function, u8)> {
    match expr {
        Expr::Call(function, list) => match list.first() {
            Some(Expr::Param(index)) => Some((*function, *index)),
            _ => None,
        },
        Expr::Old(inner) => path_function(inner),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<Number> {
    let plain = |spot, bytes| Some(Number { spot, bytes, mask: -1, add: 0 });
    match expr {
        Expr::Param(index) => plain(Spot::Param(*index), 8),
        Expr::Load { address, size, .. } => match &**address {
            Expr::Param(index) => plain(Spot::Behind(*index, 0), usize::from(*size)),
            Expr::Binary(BinaryOp::Add, base, offset) => match (&**base, &**offset) {
                (Expr::Param(index), Expr::Int(offset)) => {
                    plain(Spot::Behind(*index, u32::try_from(*offset).ok()?), usize::from(*size))
                }
                _ => None,
            },
            _ => None,
        },
        Expr::Binary(BinaryOp::BitAnd, inner, other) => match &**other {
            Expr::Int(mask) => number(inner).map(|number| Number { mask: number.mask & mask, ..number }),
            _ => None,
        },
        Expr::Binary(BinaryOp::Add, inner, other) => match &**other {
            Expr::Int(value) => number(inner).map(|number| Number { add: number.add + value, ..number }),
            _ => None,
        },
        Expr::Old(inner) => number(inner),
        _ => None,
    }
}
