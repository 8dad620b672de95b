//! Aimed arguments: the values that make one condition of the specification true, or miss it by one conjunct.

mod caller;
mod draft;
mod mappings;
mod numbers;
mod places;
mod refusals;
mod wishes;

use super::Wishes;
use super::dice::Dice;
use super::names::PathWish;
use super::objects::ObjectWish;
use super::producers::Producers;
use super::search::search;
use super::served::Served;
use crate::program::{Argument, Program};
use abispec::errno::Errno;
use abispec::expr::{BinaryOp, Expr, Function, Truth, UnaryOp};
use abispec::target::{Call, Resolved, Variant};
use abispec::types::Type;
use caller::CallerWish;
use draft::{Draft, Planned};

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
    /// Somebody asked for those.
    asked: bool,
}

impl Goals<'_> {
    /// Whether some are wanted more than others.
    fn wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Of a hundred calls, how many should be aimed at one.
    pub(super) fn share(&self, served: bool) -> u32 {
        match (self.wanted(), self.asked, served) {
            (false, ..) => 35,
            (true, _, true) => 85,
            (true, true, false) => 70,
            (true, false, false) => 55,
        }
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
    let mut goals = Goals { all: Vec::new(), wanted: Vec::new(), asked: false };
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
        (goals.wanted, goals.asked) = (asked, true);
    }
    goals
}

/// Changes arguments so that a condition of the call, picked by chance, is true or misses one conjunct. What the condition
/// says nothing about becomes plain, so that nothing else hides it. Gives the parameters, a bit for each, whose numbers it chose.
pub(super) fn aim(
    dice: &mut Dice<'_>,
    variant: &Variant,
    goals: &Goals<'_>,
    producers: &Producers<'_>,
    call: &Call,
    program: &mut Program,
    args: &mut [Argument],
) -> u8 {
    let unseen = goals.wanted()
        && dice.chance(if producers.is_served() {
            90
        } else if goals.asked {
            80
        } else {
            60
        });
    let list = if unseen { &goals.wanted } else { &goals.all };
    let Some(Goal { condition, errno }) = dice.pick(list).copied() else { return 0 };
    let served = errno.filter(|_| dice.chance(75)).and_then(|errno| producers.served(errno, variant));
    let draft = Draft {
        args: args.iter_mut().map(|arg| std::mem::replace(arg, Argument::Number(0))).collect(),
        paths: variant.params.iter().map(|_| PathWish::default()).collect(),
        objects: variant.params.iter().map(|_| ObjectWish::default()).collect(),
        caller: CallerWish::default(),
        ranges: Vec::new(),
        settled: 0,
    };
    let resolved = producers.resolved;
    let word = resolved.target.arch.data_model().word();
    let selector = call.select;
    let mut aiming = Aiming { dice, variant, resolved, word, selector, reads: Vec::new(), draft, served, fails: false };
    aiming.look(condition);
    if aiming.dice.chance(75) {
        aiming.make_plain();
    }
    let want = aiming.dice.chance(if unseen && goals.asked { 85 } else { 65 });
    aiming.solve(condition, want);
    if want {
        aiming.mend(condition);
    }
    if aiming.dice.chance(70) {
        aiming.clear_the_way(condition);
    }
    if unseen && want {
        aiming.search(condition);
    }
    if aiming.dice.chance(if want { 10 } else { 25 }) {
        aiming.turn_a_bit();
    }
    aiming.request();
    aiming.name_files(producers.names);
    aiming.prepare_files(producers, program);
    aiming.make_objects(producers, program);
    aiming.make_mappings(producers, program);
    aiming.draft.caller.make(producers, program);
    let settled = aiming.draft.settled;
    for (slot, arg) in args.iter_mut().zip(aiming.draft.args) {
        *slot = arg;
    }
    settled
}

struct Aiming<'a, 'd, 'r> {
    dice: &'d mut Dice<'r>,
    variant: &'a Variant,
    resolved: &'a Resolved,
    /// Bytes of a pointer.
    word: u32,
    selector: Option<u8>,
    /// How far the condition reads behind pointer parameters.
    reads: Vec<(u8, usize)>,
    draft: Draft,
    /// Names that bring the errno about.
    served: Option<Served<'a>>,
    /// The condition is about a failure, and one was chosen.
    fails: bool,
}

/// How often conjuncts that others made false again are made true.
const MENDS: usize = 3;
/// How many conjuncts of a rule are tried that is in the way.
const DENIALS: usize = 3;

impl Aiming<'_, '_, '_> {
    /// Notes how far a condition reads behind pointers.
    fn look(&mut self, condition: &Expr) {
        let reads = &mut self.reads;
        condition.walk(&mut |expr| {
            if let Expr::Load { address, size, .. } = expr
                && let Some((index, offset)) = numbers::behind(address)
            {
                reads.push((index, offset as usize + usize::from(*size)));
            }
        });
    }

    /// Flags become 0, and so does what the kernel reads of structs.
    fn make_plain(&mut self) {
        for (position, (param, arg)) in self.variant.params.iter().zip(self.draft.args.iter_mut()).enumerate() {
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

    /// Makes conjuncts true again that the ones after them made false.
    fn mend(&mut self, condition: &Expr) {
        let parts = condition.joined(BinaryOp::And);
        for _ in 0..MENDS {
            let mut mended = false;
            for part in &parts {
                if self.planned().truth(part) == Truth::False {
                    self.solve(part, true);
                    mended = true;
                }
            }
            if !mended {
                return;
            }
        }
    }

    fn false_parts(&self, parts: &[&Expr]) -> usize {
        parts.iter().filter(|part| self.planned().truth(part) == Truth::False).count()
    }

    /// Makes rules false that what is known makes true: they would hide the condition.
    fn clear_the_way(&mut self, condition: &Expr) {
        if self.fails {
            return;
        }
        let variant = self.variant;
        let parts = condition.joined(BinaryOp::And);
        for _ in 0..2 {
            let mut cleared = true;
            for rule in variant.rules.iter().filter(|rule| rule.duty && &rule.condition != condition) {
                if self.planned().truth(&rule.condition) == Truth::True {
                    cleared &= self.deny(&rule.condition, &parts);
                }
            }
            if cleared {
                return;
            }
        }
    }

    /// Makes one conjunct of a rule false that leaves alone what is aimed at; says whether there was nothing to be done.
    fn deny(&mut self, rule: &Expr, aim: &[&Expr]) -> bool {
        let missing = self.false_parts(aim);
        let conjuncts = rule.joined(BinaryOp::And);
        for _ in 0..DENIALS {
            let Some(part) = self.dice.pick(&conjuncts).copied() else { return true };
            let before = self.draft.clone();
            self.solve(part, false);
            if self.planned().truth(rule) != Truth::True && self.false_parts(aim) <= missing {
                return false;
            }
            self.draft = before;
        }
        true
    }

    /// Looks for numbers that the condition does not name.
    fn search(&mut self, condition: &Expr) {
        let Self { dice, variant, word, selector, draft, .. } = self;
        let mut args = std::mem::take(&mut draft.args);
        let judge =
            |condition: &Expr, args: &[Argument]| Planned { args, draft, variant, word: *word }.truth(condition);
        search(dice, condition, *selector, &mut args, &judge);
        draft.args = args;
    }

    /// Turns one bit of a flags parameter or of what the kernel reads, low ones more often.
    fn turn_a_bit(&mut self) {
        let position = self.dice.below(self.draft.args.len());
        let few = if self.dice.chance(70) { 24 } else { 64 };
        let bit = self.dice.below(few);
        let Some(param) = self.variant.params.get(position) else { return };
        match (&param.ty, &mut self.draft.args[position]) {
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
                let one = (want != (*op == BinaryOp::And)).then(|| self.dice.below(parts.len()));
                let sought = |index: usize| (*op == BinaryOp::And) != (one == Some(index));
                for (index, part) in parts.iter().enumerate().filter(|(index, _)| one != Some(*index)) {
                    self.solve(part, sought(index));
                }
                let Some(one) = one else { return };
                self.solve(parts[one], sought(one));
                // What makes the one so may have made others so too.
                for (index, part) in parts.iter().enumerate() {
                    let missed = if sought(index) { Truth::False } else { Truth::True };
                    if self.planned().truth(part) == missed {
                        self.solve(part, sought(index));
                    }
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
        let op = if want { op } else { op.opposite() };
        if let Expr::Word(_) = right {
            return self.membership(left, std::slice::from_ref(right), op == BinaryOp::Eq);
        }
        if let (Some((Function::Walk, path)), Expr::Int(errno)) = (path_function(left), right) {
            return self.fail_walk(path, *errno, op == BinaryOp::Eq);
        }
        if let (Expr::Ret, Expr::Int(value)) = (left, right) {
            let negative = *value < 0 && matches!(op, BinaryOp::Eq | BinaryOp::Le) || *value <= 0 && op == BinaryOp::Lt;
            return if negative {
                self.fail()
            };
        }
        if let (Expr::Param(a), Expr::Param(b)) = (left, right)
            && op == BinaryOp::Eq
            && matches!(self.draft.args.get(usize::from(*a)), Some(Argument::Block(_)))
        {
            let both = places::shared(&self.draft.args[usize::from(*a)]);
            self.draft.args[usize::from(*a)] = both.clone();
            self.draft.args[usize::from(*b)] = both;
            return;
        }
        if self.sort(left, std::slice::from_ref(right), op == BinaryOp::Eq) {
            return;
        }
        if let (Expr::Param(index), Expr::Int(0), BinaryOp::Eq) = (left, right, op)
            && let Some(pointer @ Argument::Block(_)) = self.draft.args.get_mut(usize::from(*index))
        {
            *pointer = Argument::Number(0);
            return;
        }
        if let (Expr::Param(index), Expr::Int(0), BinaryOp::Ne) = (left, right, op)
            && self.is_memory(usize::from(*index), 1)
        {
            return;
        }
        let left_first = self.dice.chance(70);
        for on_the_left in [left_first, !left_first] {
            let (side, other, op) = if on_the_left { (left, right, op) } else { (right, left, mirrored(op)) };
            if matches!(side, Expr::Int(_)) {
                continue;
            }
            let Some(other) = self.value(other) else { continue };
            let Some(target) = self.beside(op, side, other) else { continue };
            if self.make(side, target) {
                return;
            }
        }
    }

    /// A number that compares so with another one, at the edge more often than not.
    fn beside(&mut self, op: BinaryOp, side: &Expr, value: i128) -> Option<i128> {
        let by = if self.dice.chance(60) { 1 } else { 1 + self.dice.below(5000) as i128 };
        if let (BinaryOp::Ne, Expr::Binary(BinaryOp::BitAnd, inner, mask)) = (op, side) {
            let mask = match (self.planned().value(mask), self.planned().value(inner)) {
                (Some(mask), _) | (None, Some(mask)) => mask,
                (None, None) => return None,
            };
            let bit = self.bit(mask)?;
            return Some(value & mask ^ bit);
        }
        Some(match op {
            BinaryOp::Le | BinaryOp::Ge if self.dice.chance(60) => value,
            BinaryOp::Eq => value,
            BinaryOp::Lt | BinaryOp::Le => value - by,
            BinaryOp::Gt | BinaryOp::Ge => value + by,
            // Below 0 many a number is refused for what it is.
            _ => value + if self.dice.chance(if value == 0 { 75 } else { 50 }) { by } else { -by },
        })
    }

    /// Lets the call fail in a way that some effect has.
    fn fail(&mut self) {
        if std::mem::replace(&mut self.fails, true) {
            return;
        }
        let variant = self.variant;
        let effects: Vec<Errno> = variant.effects.iter().flat_map(|rule| rule.effect.on.iter().copied()).collect();
        let able = |rule: &&abispec::target::Rule| {
            effects.contains(&rule.errno) && rule.duty && self.planned().truth(&rule.condition) != Truth::False
        };
        let rules: Vec<&Expr> = variant.rules.iter().filter(able).map(|rule| &rule.condition).collect();
        if let Some(rule) = self.dice.pick(&rules).copied() {
            self.solve(rule, true);
        }
    }

    fn fail_walk(&mut self, path: u8, errno: i128, want: bool) {
        if let (false, Some(wish)) = (self.is_descriptor(path), self.draft.paths.get_mut(usize::from(path))) {
            wish.any = true;
            wish.walk = if want { errno } else { 0 };
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
                match (function.0, self.draft.objects.get_mut(usize::from(function.1))) {
                    (Function::Kind, Some(wish)) if want => wish.kinds = words.collect(),
                    (Function::Kind, Some(wish)) => wish.not_kinds.extend(words),
                    (Function::Fs, Some(wish)) => wish.elsewhere = true,
                    _ => {}
                }
                return;
            }
            let Some(wish) = self.draft.paths.get_mut(usize::from(function.1)) else { return };
            wish.any |= matches!(function.0, Function::Kind | Function::Fs);
            if function.0 == Function::Kind {
                if want { wish.kinds = words.collect() } else { wish.not_kinds.extend(words) }
            }
            return;
        }
        if self.sort(inner, list, want) {
            return;
        }
        let values: Vec<i128> = list.iter().filter_map(|item| self.value(item)).collect();
        let Some(value) = self.dice.pick(&values).copied() else { return };
        if want {
            self.make(inner, value);
        } else if self.value(inner).is_none_or(|now| values.contains(&now)) {
            let beside = self.dice.of([value + 1, value - 1, value + 5000]);
            if !values.contains(&beside) {
                self.make(inner, beside);
            }
        }
    }
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Ge => BinaryOp::Le,
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

#[cfg(test)]
mod tests;
