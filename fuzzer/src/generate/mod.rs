//! Programs from the types of a specification.

mod aim;
mod aims;
mod dice;
mod fit;
mod graft;
mod laws;
mod memory;
mod mine;
mod names;
mod near;
mod objects;
mod paths;
mod producers;
mod recall;
mod resources;
mod search;
mod served;
mod setters;
mod sockets;
mod states;
mod strategy;
mod values;
mod vary;

pub use aims::{Aim, Aims};
pub use laws::GIVEN;
pub use recall::Recall;
pub use strategy::{CallStrategy, ProgramStrategy, ProgramTree};
pub use vary::Change;

use crate::exec::{ENDED_CHILD, EXECUTOR_PID, SLEEPING_CHILD};
use crate::program::{Argument, Block, Invocation, Placement, Program};
use abispec::model::Effect;
use abispec::target::{Call, ClauseId, Resolved, ResolvedParam, Variant};
use abispec::types::{Count, IntType, Type};
use dice::Dice;
use graft::Stock;
use memory::{Filling, place};
use mine::{Mined, Spot, mine};
use producers::{LISTENING, Names, Object, Producers, objects};
use proptest::test_runner::TestRng;
use served::Named;
use setters::Setters;
use sockets::Families;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use values::{AT_FDCWD, Intent, bad_pointer, number};

/// Calls that a program has at most.
pub const LONGEST: usize = 12;

/// Of a hundred programs, how many begin with what led another call to an error that is wished for.
const GRAFTS: u32 = 15;

/// Makes programs for the calls of a specification.
pub struct Generator {
    resolved: Arc<Resolved>,
    /// Mined values by call and variant.
    mined: Vec<Vec<Mined>>,
    /// Indices of the calls under test.
    focus: Vec<usize>,
    names: Names,
    /// The numbers of socket families and types.
    families: Families,
    /// Names that a server refuses something for.
    served: Vec<Named>,
    /// Error rules that such names are for.
    for_servers: BTreeSet<ClauseId>,
    /// Indices of the calls that give each resource.
    givers: BTreeMap<String, Vec<usize>>,
    /// Who sets what others get.
    setters: Setters,
}

/// What programs should be like.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// How often each call and variant is wanted: higher is more often. Indexed as the calls and their variants are.
    pub calls: Vec<Vec<u32>>,
    /// Clauses that are wanted most.
    pub clauses: BTreeSet<ClauseId>,
    /// Conditions that are wanted besides those of the specification.
    pub aims: Arc<Aims>,
    /// How calls have succeeded so far.
    pub recall: Recall,
    /// Whether programs run where a server answers for files.
    pub served: bool,
}

impl Generator {
    /// A generator for the calls that `wanted` picks; of the others, those that are `able` to run where the programs do are still
    /// used to make descriptors and other resources.
    pub fn new(resolved: Arc<Resolved>, wanted: &dyn Fn(&Call) -> bool, able: &dyn Fn(&Call) -> bool) -> Self {
        let mined = resolved
            .calls
            .iter()
            .map(|call| call.variants.iter().map(|variant| mine(call, variant)).collect())
            .collect();
        let focus = (0..resolved.calls.len()).filter(|index| wanted(&resolved.calls[*index])).collect();
        Self {
            mined,
            focus,
            names: paths::names(),
            families: Families::of(&resolved),
            served: served::all(),
            for_servers: served::rules(&resolved),
            givers: resources::givers(&resolved, able),
            setters: setters::setters(&resolved, able),
            resolved,
        }
    }

    /// The specification it works from.
    pub fn resolved(&self) -> &Arc<Resolved> {
        &self.resolved
    }

    /// Error rules that hardly anything but a server brings about.
    pub fn served(&self) -> &BTreeSet<ClauseId> {
        &self.for_servers
    }

    /// Indices of the calls under test.
    pub fn focus(&self) -> &[usize] {
        &self.focus
    }

    /// Even wishes for all calls under test.
    pub fn even(&self) -> Wishes {
        let calls = self.resolved.calls.iter().map(|call| vec![1; call.variants.len()]).collect();
        Wishes { calls, clauses: BTreeSet::new(), aims: Arc::default(), recall: Recall::default(), served: false }
    }

    /// Makes a program that ends in a call under test, chosen by the wishes.
    pub fn program(&self, rng: &mut TestRng, wishes: &Wishes) -> Program {
        let mut dice = Dice::new(rng);
        let mut making = Making { recall: Some(&wishes.recall), served: wishes.served, ..Making::new(self) };
        let Some(call) = self.choose(&mut dice, wishes) else { return making.program };
        let stock = dice.chance(GRAFTS).then(|| self.stock(&mut dice, wishes, &self.resolved.calls[call])).flatten();
        if let Some(stock) = stock {
            making = making.on(stock);
        }
        making.call(&mut dice, call, Some(wishes), false);
        making.graft = None;
        // State changes between calls on the same objects are where contracts break.
        if dice.chance(75) {
            let more = 1 + dice.below(8);
            for _ in 0..more {
                if making.program.calls.len() >= LONGEST {
                    break;
                }
                let next = if dice.chance(50) { Some(call) } else { self.choose(&mut dice, wishes) };
                if let Some(next) = next {
                    making.call(&mut dice, next, Some(wishes), true);
                }
            }
        }
        making.program.calls.truncate(LONGEST);
        making.program
    }

    /// Makes one call with fresh arguments and what it needs before it.
    pub fn single(&self, rng: &mut TestRng, call: usize) -> Program {
        let mut making = Making::new(self);
        making.call(&mut Dice::new(rng), call, None, false);
        making.program
    }

    fn choose(&self, dice: &mut Dice<'_>, wishes: &Wishes) -> Option<usize> {
        let weight = |call: &usize| wishes.calls[*call].iter().map(|wish| *wish as usize).sum::<usize>();
        let total: usize = self.focus.iter().map(weight).sum();
        let mut ticket = dice.below(total);
        for call in &self.focus {
            let own = weight(call);
            if ticket < own {
                return Some(*call);
            }
            ticket -= own;
        }
        self.focus.first().copied()
    }
}

struct Making<'a> {
    generator: &'a Generator,
    program: Program,
    edge_free: bool,
    /// A call is made for the sake of another one.
    nested: bool,
    /// How calls have succeeded.
    recall: Option<&'a Recall>,
    /// A server answers for files.
    served: bool,
    /// What led another call to an error, and whose descriptors this one takes.
    graft: Option<&'a Stock>,
}

impl<'a> Making<'a> {
    fn new(generator: &'a Generator) -> Self {
        let program = Program::default();
        Self { generator, program, edge_free: true, nested: false, recall: None, served: false, graft: None }
    }

    fn producers(&self) -> Producers<'a> {
        let Generator { resolved, names, families, served, .. } = self.generator;
        Producers { resolved, names, families: *families, served: if self.served { served } else { &[] } }
    }

    /// Appends a call; `reuse` prefers descriptors that the program already has.
    fn call(&mut self, dice: &mut Dice<'_>, index: usize, wishes: Option<&Wishes>, reuse: bool) {
        let call = &self.generator.resolved.calls[index];
        let variant = choose_variant(dice, call, wishes.map(|wishes| &wishes.calls[index]));
        self.call_variant(dice, index, variant, wishes, reuse);
    }

    /// The same of one variant of it.
    fn call_variant(
        &mut self,
        dice: &mut Dice<'_>,
        index: usize,
        variant_index: usize,
        wishes: Option<&Wishes>,
        reuse: bool,
    ) {
        let resolved = self.generator.resolved.clone();
        let call = &resolved.calls[index];
        let variant = &call.variants[variant_index];
        let set = self.set_first(dice, index, variant_index);
        let mined = &self.generator.mined[index][variant_index];
        // One odd argument at a time mostly: with several, each hides the others' rules.
        self.circumstances(dice, call, variant);
        let count = variant.params.len();
        let of_pages = variant.params.iter().any(|param| matches!(param.ty, Type::Vma));
        let goals = aim::goals(variant, wishes, &mined.links, index, variant_index);
        // What is made for another call's sake has to succeed.
        let aimed = !self.nested && self.graft.is_none() && dice.chance(goals.share(self.served));
        let odd = match dice.below(10) {
            _ if aimed || self.nested || self.graft.is_some() => u8::MAX,
            0..5 => u8::MAX,
            5..9 => u8::try_from(dice.below(count)).unwrap_or(0),
            _ => 0x80,
        };
        let intent = |dice: &mut Dice<'_>, position: usize| match odd {
            u8::MAX => Intent::Valid,
            0x80 => {
                if dice.chance(50) {
                    Intent::Odd
                } else {
                    Intent::Valid
                }
            }
            one => {
                if usize::from(one) == position {
                    Intent::Odd
                } else {
                    Intent::Valid
                }
            }
        };
        let intents: Vec<Intent> = (0..count).map(|position| intent(dice, position)).collect();
        let mut args: Vec<Option<Argument>> = vec![None; count];
        // Descriptors first: what they are made with comes before the call.
        for (position, param) in variant.params.iter().enumerate() {
            if let Type::Resource(name) = &param.ty {
                let starts_path = |param: &ResolvedParam| {
                    param.path.as_ref().is_some_and(|keys| keys.base.map(usize::from) == Some(position))
                };
                // Where a path starts, other descriptors hide whatever comes behind.
                let starts = variant.params.iter().any(starts_path) && dice.chance(88);
                let accepts = name == "fd[socket]" && variant.returns == param.ty;
                let name = match (starts, accepts) {
                    (true, _) => "fd[directory]",
                    (_, true) => LISTENING,
                    (false, false) => name,
                };
                args[position] = Some(self.resource(dice, name, intents[position], reuse));
            }
        }
        for (position, param) in variant.params.iter().enumerate() {
            if args[position].is_some() || param.ty.pointer().is_some() {
                continue;
            }
            let selected = (call.select.map(usize::from) == Some(position)).then_some(variant.selector).flatten();
            let value = match selected {
                Some(value) if intents[position] == Intent::Valid => value as u64,
                _ if of_pages && is_length(param) && dice.chance(70) => values::pages(dice, intents[position]),
                _ => {
                    let spot = Spot::Param(u8::try_from(position).unwrap_or(0));
                    number(dice, &resolved, &param.ty, mined, spot, intents[position])
                }
            };
            args[position] = Some(Argument::Number(value));
        }
        let descriptors: [u64; 10] = std::array::from_fn(|number| number as u64);
        for (position, param) in variant.params.iter().enumerate() {
            if param.ty.pointer().is_none() {
                continue;
            }
            let filling = Filling {
                resolved: &resolved,
                mined,
                param: u8::try_from(position).unwrap_or(0),
                descriptors: &descriptors,
            };
            let pointer = self.pointer(dice, param, &filling, intents[position], &mut args);
            args[position] = Some(pointer);
        }
        let mut args: Vec<Argument> = args.into_iter().map(|arg| arg.unwrap_or(Argument::Number(0))).collect();
        if dice.chance(if self.nested { 70 } else { 15 }) {
            self.as_before(dice, index, &mut args);
        }
        if let Some(set) = set {
            self.about_the_same(set, call, variant, &mut args);
        }
        let mut settled = 0;
        if aimed {
            let producers = self.producers();
            settled = aim::aim(dice, variant, &goals, &producers, call, &mut self.program, &mut args);
            self.grow(variant, &mut args);
            self.keep_one_edge(&mut args);
        }
        paths::executed(dice, variant, &intents, &mut args);
        fit::lengths(dice, variant, &intents, settled, &mut args);
        if odd != 0x80 {
            let producers = self.producers();
            sockets::dress(dice, variant, &producers, &mut self.program, &mut args);
        }
        self.contain(variant, &mut args);
        for (param, arg) in variant.params.iter().zip(&mut args) {
            upper_half(dice, param.int, arg);
        }
        self.program.calls.push(Invocation { call: index, args });
    }

    /// Brings about, now and then, the state in which the rarer rules apply.
    fn circumstances(&mut self, dice: &mut Dice<'_>, call: &Call, variant: &Variant) {
        let producers = self.producers();
        let pages = variant.params.iter().any(|param| matches!(param.ty, Type::Vma));
        let opens = variant
            .effects
            .iter()
            .any(|rule| matches!(rule.effect.effect, Effect::Opens { .. } | Effect::Duplicates { .. }));
        let names = variant.params.iter().any(|param| matches!(param.ty, Type::Path { .. })) || call.name == "getcwd";
        if pages {
            for _ in 0..dice.below(3) {
                producers.map(dice, &mut self.program);
            }
        }
        if opens && dice.chance(2) {
            producers.limit_descriptors(dice, &mut self.program);
        }
        if names && dice.chance(2) {
            producers.lose_directory(&mut self.program);
        }
        if names && opens && dice.chance(2) {
            producers.lease(dice, &mut self.program);
        }
        let words = || variant.params.iter().any(|param| memory::may_hold_addresses(producers.resolved, &param.ty));
        let memory = variant.params.iter().any(|param| param.memory.is_some());
        if !pages && memory && (dice.chance(2) || dice.chance(12) && words()) {
            producers.map(dice, &mut self.program);
        }
    }

    fn resource(&mut self, dice: &mut Dice<'_>, name: &str, intent: Intent, reuse: bool) -> Argument {
        if !name.starts_with("fd") {
            let given = if intent == Intent::Odd || dice.chance(25) {
                None
            } else if dice.chance(50) {
                self.given_earlier(dice, name).or_else(|| self.given_newly(dice, name))
            } else {
                self.given_newly(dice, name).or_else(|| self.given_earlier(dice, name))
            };
            let group = (-i64::from(EXECUTOR_PID)).cast_unsigned();
            let children = [SLEEPING_CHILD as u64, ENDED_CHILD as u64];
            let known = [0, 0, 0, 1, 2, children[0], children[1], group, u64::MAX, 0x7fff_ffff, 12345];
            return given.unwrap_or_else(|| Argument::Number(dice.of(known)));
        }
        let directory = name == "fd[directory]" || name == "fd[dir]";
        if let Some(stock) = self.graft.filter(|_| !directory && !self.nested && dice.chance(75))
            && let Some(descriptor) = stock.descriptor(dice)
        {
            return descriptor;
        }
        if intent == Intent::Odd && dice.chance(60) {
            let odd = [u64::MAX, 77, 63, 64, 1000, 0x7fff_ffff, 0x8000_0000, 0xffff_ff9c, 5, 6];
            return Argument::Number(dice.of(odd));
        }
        if dice.chance(if reuse { 80 } else { 10 })
            && let Some(found) = self.existing(dice)
        {
            return found;
        }
        if directory && dice.chance(50) {
            return Argument::Number(AT_FDCWD);
        }
        if dice.chance(4) {
            return Argument::Number(dice.below(4) as u64);
        }
        // What no recipe makes, a call of the specification may give.
        if intent == Intent::Valid
            && objects(name).len() == objects("fd").len()
            && name != "fd"
            && let Some(given) = self.given_newly(dice, name)
        {
            return given;
        }
        let list = if intent == Intent::Odd { objects("fd") } else { objects(name) };
        let object = dice.pick(list).copied().unwrap_or(Object::Regular);
        let producers = self.producers();
        producers.make(dice, object, &mut self.program).unwrap_or(Argument::Number(0))
    }

    /// A name that an earlier call of the program took: there its effects show.
    fn earlier_name(&self, dice: &mut Dice<'_>) -> Option<Block> {
        let resolved = &self.generator.resolved;
        let mut found = Vec::new();
        for call in &self.program.calls {
            let params = &resolved.calls[call.call].variants[0].params;
            for (param, arg) in params.iter().zip(&call.args) {
                if let (Type::Path { .. }, Argument::Block(block)) = (&param.ty, arg) {
                    found.push(block);
                }
            }
        }
        dice.pick(&found).map(|block| Block { placement: Placement::Middle, ..(*block).clone() })
    }

    /// An address on a page that an earlier call of the program did something to.
    fn page(&self, dice: &mut Dice<'_>) -> Option<u64> {
        let resolved = &self.generator.resolved;
        let mut found = Vec::new();
        for call in &self.program.calls {
            let params = &resolved.calls[call.call].variants[0].params;
            for (param, arg) in params.iter().zip(&call.args) {
                if let (Type::Vma, Argument::Number(address)) = (&param.ty, arg)
                    && values::in_playground(*address)
                {
                    found.push(*address & !4095);
                }
            }
        }
        // What was done last is what the next call should meet.
        let page = if dice.chance(60) { found.last()? } else { dice.pick(&found)? };
        Some(page + dice.of([0, 0, 8, 4088, 4096]))
    }

    /// A descriptor that an earlier call of the program gave or took.
    fn existing(&self, dice: &mut Dice<'_>) -> Option<Argument> {
        let resolved = &self.generator.resolved;
        let mut found = Vec::new();
        for (index, call) in self.program.calls.iter().enumerate() {
            let spec = &resolved.calls[call.call];
            if spec.variants[0].returns.is_descriptor() {
                found.push(Argument::ret(index));
            }
            found.extend(call.args.iter().filter(|arg| matches!(arg, Argument::Result { .. })).cloned());
        }
        dice.pick(&found).cloned()
    }

    fn pointer(
        &mut self,
        dice: &mut Dice<'_>,
        param: &ResolvedParam,
        filling: &Filling<'_>,
        intent: Intent,
        args: &mut [Option<Argument>],
    ) -> Argument {
        let Some((direction, nullable)) = param.ty.pointer() else { return Argument::Number(0) };
        if nullable && dice.chance(30) {
            return Argument::Number(0);
        }
        if intent == Intent::Odd && dice.chance(35) {
            return Argument::Number(bad_pointer(dice));
        }
        if dice.chance(25)
            && let Some(page) = self.page(dice)
        {
            return Argument::Number(page);
        }
        // Half of the odd ones are odd in what they hold, the others in where they lie.
        let inside = if intent == Intent::Odd && dice.chance(60) { Intent::Odd } else { Intent::Valid };
        let counted = |count: Count, dice: &mut Dice<'_>| match count {
            Count::Number(number) => number,
            Count::Param(index) => match args.get(usize::from(index)) {
                Some(Some(Argument::Number(value))) => *value,
                _ => dice.below(64) as u64,
            },
        };
        let earlier = if dice.chance(35) { self.earlier_name(dice) } else { None };
        let mut block = match (&param.ty, earlier) {
            (Type::Path { .. }, Some(earlier)) => earlier,
            (Type::Path { .. }, None) if self.served && dice.chance(10) => {
                let named = dice.pick(&self.generator.served);
                named.map_or_else(|| Block::text(b"."), |named| Block::text(named.path.as_bytes()))
            }
            (Type::Path { .. }, None) => {
                let create = param.path.as_ref().is_some_and(|keys| keys.must_exist != abispec::expr::Expr::Bool(true));
                Block::text(&paths::path(dice, &self.generator.names.any, create, inside))
            }
            (Type::Text { .. }, _) => text(dice, inside),
            (Type::Buffer { count, .. }, _) => {
                let count = counted(*count, dice);
                filling.buffer(dice, direction, count)
            }
            (Type::Ptr { to, .. }, _) => match &**to {
                Type::Array { of, count } => {
                    // A single segment is where the rules about segments are exact.
                    let single = matches!(&**of, Type::Struct(_)) && dice.chance(35);
                    let many = if single { 1 } else { counted(*count, dice) };
                    if let (true, Count::Param(index)) = (single, count)
                        && let Some(slot) = args.get_mut(usize::from(*index))
                    {
                        *slot = Some(Argument::Number(1));
                    }
                    let inside = if single && dice.chance(25) { Intent::Odd } else { inside };
                    filling.pointee(dice, to, direction, many, inside)
                }
                Type::Extensible { name, size } => {
                    let count = extensible_size(dice, &self.generator.resolved, name, inside);
                    if let Some(slot) = args.get_mut(usize::from(*size)) {
                        *slot = Some(Argument::Number(count));
                    }
                    filling.pointee(dice, to, direction, count, inside)
                }
                other => filling.pointee(dice, other, direction, 1, inside),
            },
            _ => Block::new(Vec::new()),
        };
        let placing = if intent == Intent::Odd && inside == Intent::Valid { Intent::Odd } else { Intent::Valid };
        place(dice, &mut block, &mut self.edge_free, direction, placing);
        let grows = matches!(&param.ty, Type::Ptr { to, .. } if matches!(**to, Type::Extensible { .. }));
        if grows && inside == Intent::Odd && dice.chance(50) {
            memory::cut_behind_the_last_word(&mut block, &mut self.edge_free);
        }
        Argument::Block(block)
    }
}

fn choose_variant(dice: &mut Dice<'_>, call: &Call, wishes: Option<&Vec<u32>>) -> usize {
    if call.variants.len() == 1 {
        return 0;
    }
    let Some(wishes) = wishes else { return dice.below(call.variants.len()) };
    let mut ticket = dice.below(wishes.iter().map(|wish| *wish as usize).sum());
    for (index, wish) in wishes.iter().enumerate() {
        if ticket < *wish as usize {
            return index;
        }
        ticket -= *wish as usize;
    }
    0
}

/// Whether a parameter of a call on mappings is a length.
fn is_length(param: &ResolvedParam) -> bool {
    matches!(param.ty, Type::Size | Type::Len(_) | Type::Bytesize(_) | Type::Int { int: IntType::Long { .. }, .. })
}

fn extensible_size(dice: &mut Dice<'_>, resolved: &Resolved, name: &str, intent: Intent) -> u64 {
    let Some(found) = resolved.structs.get(name) else { return 0 };
    let version = dice.pick(&found.versions).copied().unwrap_or(found.size);
    match intent {
        Intent::Valid => u64::from(version),
        Intent::Odd => match dice.below(8) {
            0 => 0,
            1 => u64::from(version) - 1,
            2 => u64::from(found.size) + 8,
            3 => u64::from(found.size) + 1,
            4 => 4096,
            5 => 4097,
            6 => u64::MAX,
            _ => u64::from(version),
        },
    }
}

/// Names of extended attributes: the part before the dot decides who may use one, and where.
const ATTRIBUTES: [&[u8]; 5] = [b"user.a", b"user.b", b"trusted.a", b"security.a", b"user."];

fn text(dice: &mut Dice<'_>, intent: Intent) -> Block {
    match (intent, dice.below(4)) {
        (Intent::Odd, 0) => Block::text(b""),
        (Intent::Odd, 1) => Block::text(&[b'x'; 249]),
        (Intent::Odd, 2) => Block::text(&[b'x'; 250]),
        (Intent::Odd, _) => Block::text(&[b'x'; 4096]),
        (Intent::Valid, 0) => Block::text(ATTRIBUTES[dice.below(ATTRIBUTES.len())]),
        (Intent::Valid, _) => Block::text(b"name"),
    }
}

/// What the kernel must not look at: the upper half behind a 32-bit parameter.
fn upper_half(dice: &mut Dice<'_>, int: IntType, arg: &mut Argument) {
    let narrow = int.bytes(8) <= 4;
    if !narrow || !dice.chance(12) {
        return;
    }
    let garbage = dice.bits();
    match arg {
        Argument::Number(value) => *value = *value & 0xffff_ffff | garbage << 32,
        Argument::Result { high, .. } => *high = Some((garbage >> 32) as u32),
        Argument::Block(_) => {}
    }
}
