//! Laws in C: conditions as C expressions, and programs that judge a law by themselves.

use crate::laws::Evidence;
use crate::program::Argument;
use abispec::expr::{BinaryOp, Expr, Function, UnaryOp};
use abispec::law::resolved::{ResolvedArg, ResolvedForm, ResolvedLaw};
use std::fmt::Write;

/// What conditions need. Numbers are exact: 64 bits with and without sign have room in 128.
pub(super) const HELPERS: &str = r#"
typedef __int128 wide;

/* Errors as negative numbers, as the kernel returns them. */
static long raw(long result)
{
	return result == -1 ? -errno : result;
}

static __attribute__((unused)) int failed(long result)
{
	return result < 0 && result >= -4095;
}

static __attribute__((unused)) wide load(wide at, size_t size, int is_signed)
{
	uint64_t value = 0;

	memcpy(&value, (void *)(uintptr_t)at, size);
	if (!is_signed)
		return value;
	return (int64_t)(value << (64 - 8 * size)) >> (64 - 8 * size);
}

static __attribute__((unused)) int same_bytes(wide a, wide b, wide count)
{
	return count <= 0 || !memcmp((void *)(uintptr_t)a, (void *)(uintptr_t)b, count);
}

static __attribute__((unused)) int zeroed(wide at, wide from, wide to)
{
	for (wide byte = from; byte < to; byte++)
		if (load(at + byte, 1, 0))
			return 0;
	return 1;
}

static __attribute__((unused)) wide min(wide a, wide b)
{
	return a < b ? a : b;
}

static __attribute__((unused)) wide max(wide a, wide b)
{
	return a > b ? a : b;
}
"#;

/// The end of a program for a relation: it returns 1 if the relation does not hold, 0 if it does or says nothing.
pub(super) fn relation(
    law: &ResolvedLaw,
    evidence: &Evidence,
    calls: usize,
    value: &dyn Fn(&Argument) -> String,
    out: &mut String,
) {
    let ResolvedForm::Relation { calls: lines, that, .. } = &law.form else { return };
    let first = calls.saturating_sub(lines.len());
    let mut names: Vec<String> = vec!["0".to_owned(); law.variables.len()];
    for (slot, (_, arg)) in names.iter_mut().zip(&evidence.given) {
        if !matches!(arg, Argument::Block(_)) {
            *slot = format!("(wide){}", value(arg));
        }
    }
    let block = |variable: u8| matches!(evidence.given.get(usize::from(variable)), Some((_, Argument::Block(_))));
    for (index, line) in lines.iter().enumerate() {
        let call = first + index;
        let mut set = |variable: u8, name: String| {
            if let Some(slot) = names.get_mut(usize::from(variable)) {
                *slot = format!("(wide)(uintptr_t){name}");
            }
        };
        for (param, arg) in line.args.iter().enumerate() {
            match arg {
                ResolvedArg::Variable(variable) if block(*variable) => set(*variable, format!("b{call}_{param}")),
                ResolvedArg::Struct(literal) => {
                    let mut links = 0;
                    for part in &literal.fields {
                        match &part.value {
                            ResolvedArg::Variable(variable) if block(*variable) => {
                                set(*variable, format!("b{call}_{param}_{links}"));
                                links += 1;
                            }
                            ResolvedArg::Text(_) => links += 1,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(slot) = line.result.and_then(|result| names.get_mut(usize::from(result))) {
            *slot = format!("(wide)r[{call}]");
        }
        if !line.may_fail {
            let _ = writeln!(out, "\tif (failed(r[{call}]))\n\t\treturn 0;");
        }
    }
    if let Some(when) = &law.when {
        let _ = writeln!(out, "\tif (!({}))\n\t\treturn 0;", text(when, &names));
    }
    let _ = writeln!(out, "\tif ({})\n\t\treturn 0;", text(that, &names));
    let _ = writeln!(out, "\tprintf(\"the law does not hold\\n\");\n\treturn 1;");
}

/// The end of a program for an equivalence: it runs `left` and `right`, each in a process of its own with files of its own,
/// and returns 1 if an answer differs.
pub(super) fn equivalence(calls: usize, out: &mut String) {
    let _ = write!(
        out,
        r#"
int main(void)
{{
	long *r = mmap(0, {bytes}, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int differs = 0;

	setvbuf(stdout, 0, _IONBF, 0);
	for (int side = 0; side < 2; side++) {{
		pid_t child = fork();

		if (child == 0) {{
			printf(side ? "with the other call:\n" : "the program:\n");
			prepare();
			(side ? right : left)(r + side * {calls});
			_exit(0);
		}}
		if (child < 0 || waitpid(child, 0, 0) != child)
			return 2;
	}}
	for (int call = 0; call < {calls}; call++)
		if (r[call] != r[{calls} + call] && !differs++)
			printf("r%d differs\n", call);
	return differs != 0;
}}
"#,
        bytes = calls.max(1) * 16,
    );
}

fn text(expr: &Expr, names: &[String]) -> String {
    let inner = |expr: &Expr| text(expr, names);
    let list = |list: &[Expr]| list.iter().map(inner).collect::<Vec<_>>().join(", ");
    match expr {
        Expr::Int(value) => number(*value),
        Expr::Bool(truth) => i32::from(*truth).to_string(),
        Expr::Word(word) => word.number().to_string(),
        Expr::Param(index) => names.get(usize::from(*index)).cloned().unwrap_or_else(|| "0".to_owned()),
        Expr::Load { address, size, signed } => format!("load({}, {size}, {})", inner(address), i32::from(*signed)),
        Expr::Unary(op, a) => {
            let sign = match op {
                UnaryOp::Not => "!",
                UnaryOp::Negate => "-",
                UnaryOp::Complement => "~",
            };
            format!("{sign}({})", inner(a))
        }
        Expr::Binary(BinaryOp::Implies, a, b) => format!("(!({}) || ({}))", inner(a), inner(b)),
        Expr::Binary(op, a, b) => format!("(({}) {} ({}))", inner(a), op.symbol(), inner(b)),
        Expr::In(a, members) => {
            let one = |member: &Expr| format!("({}) == ({})", inner(a), inner(member));
            format!("({})", members.iter().map(one).collect::<Vec<_>>().join(" || "))
        }
        Expr::Call(Function::Length, args) => format!("(wide)strlen((char *)(uintptr_t)({}))", list(args)),
        Expr::Call(Function::U64, args) => format!("load({}, 8, 0)", list(args)),
        Expr::Call(Function::Bits, args) => format!("__builtin_popcountll({})", list(args)),
        Expr::Call(Function::Aligned, args) => match &args[..] {
            [a, n] => format!("(({}) % ({}) == 0)", inner(a), inner(n)),
            _ => "0".to_owned(),
        },
        Expr::Call(Function::AlignUp, args) => match &args[..] {
            [a, n] => format!("((({0}) + ({1}) - 1) / ({1}) * ({1}))", inner(a), inner(n)),
            _ => "0".to_owned(),
        },
        // The loader lets no other function into a law, apart from what a case was chosen to satisfy.
        Expr::Call(Function::UserRange, _) => "1".to_owned(),
        Expr::Call(function, args) => format!("{}({})", function.name(), list(args)),
        Expr::Old(a) => inner(a),
        // These are gone once a law is resolved, and an unknown condition breaks no law.
        Expr::Const(_) | Expr::Ret | Expr::Field(..) | Expr::Index(..) | Expr::Deref(_) | Expr::InSet(..) => {
            "0".to_owned()
        }
        Expr::Target(_) | Expr::Unknown(_) => "0".to_owned(),
    }
}

/// Numbers of more than 63 bits have no literal in C that is as wide as a comparison needs.
fn number(value: i128) -> String {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(i64::MIN), _) => "((wide)-9223372036854775807LL - 1)".to_owned(),
        (Ok(value), _) => format!("(wide){value}LL"),
        (_, Ok(value)) => format!("(wide){value}ULL"),
        _ => {
            let (high, low) = (value >> 64, value & i128::from(u64::MAX));
            format!("(((wide){high} * 18446744073709551615ULL) + {high} + (wide){low}ULL)")
        }
    }
}
