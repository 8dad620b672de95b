//! Constant expressions and `const fn`, as far as they are about integers.

use super::krate::{Crate, Entry, What};
use super::layout::Scope;
use super::macros::text;
use super::names::{Names, Space};
use super::primitive::{Extent, Int, primitive};
use std::cell::Cell;
use std::rc::Rc;
use syn::{
    BinOp, Block, Expr, ExprBinary, ExprCall, ExprPath, FnArg, GenericArgument, GenericParam, ItemFn, Lit, Pat,
    PathArguments, Stmt, Type, UnOp,
};

/// Steps that one constant may take; real ones take a hundred.
const STEPS: u64 = 20_000;

/// An integer and its type; none while only its literal has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// The number.
    pub(super) number: i128,
    /// Its type.
    pub(super) int: Option<Int>,
}

/// Evaluates what a crate declares.
pub(super) struct Evaluator<'a> {
    /// The crate.
    pub(super) krate: &'a Crate,
    /// Its names.
    pub(super) names: Names<'a>,
    steps: Cell<u64>,
}

/// What is no integer states nothing for us; it is not a gap of the reader.
pub(super) const NO_INTEGER: &str = "it is no integer";

impl<'a> Evaluator<'a> {
    /// For a crate.
    pub(super) fn new(krate: &'a Crate) -> Self {
        Self { krate, names: Names::new(krate), steps: Cell::new(0) }
    }

    /// Lets the next constant take its steps.
    pub(super) fn restart(&self) {
        self.steps.set(0);
    }

    /// The type of lengths.
    pub(super) fn usize(&self) -> Int {
        primitive(&self.krate.target, "usize").and_then(|extent| extent.int).unwrap_or(Int { bits: 64, signed: false })
    }

    /// What a path means; what is found nowhere else may come through the prelude of the crate, which names what lies at
    /// its root and in its module `types`.
    pub(super) fn find(&self, module: usize, space: Space, path: &[String]) -> Option<Rc<Entry>> {
        if matches!(path.first().map(String::as_str), Some("core" | "std" | "alloc")) {
            return None;
        }
        let found = self.names.path(module, space, path);
        match path {
            [name] => found
                .or_else(|| self.names.name(0, space, name, false))
                .or_else(|| self.names.path(0, space, &["types".to_owned(), name.clone()])),
            _ => found,
        }
    }

    /// The value of a declared constant.
    pub(super) fn constant(&self, ty: &Type, value: &Expr, scope: &Scope) -> Result<Value, String> {
        let int = self.extent(ty, scope)?.int.ok_or(NO_INTEGER)?;
        let found = self.value(value, Some(int), scope)?;
        settle(found, int)
    }

    /// The value of an expression; `expected` is the type that its place asks for.
    pub(super) fn value(&self, expr: &Expr, expected: Option<Int>, scope: &Scope) -> Result<Value, String> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS {
            return Err("it takes too many steps".to_owned());
        }
        let scope = &scope.deeper()?;
        match expr {
            Expr::Paren(inner) => self.value(&inner.expr, expected, scope),
            Expr::Group(inner) => self.value(&inner.expr, expected, scope),
            Expr::Block(inner) => self.block(&inner.block, expected, scope),
            Expr::Unsafe(inner) => self.block(&inner.block, expected, scope),
            Expr::Lit(literal) => self.literal(&literal.lit, expected),
            Expr::Unary(unary) => {
                let operand = self.value(&unary.expr, expected, scope)?;
                let int = operand.int.or(expected);
                let number = match unary.op {
                    UnOp::Neg(_) => -operand.number,
                    UnOp::Not(_) => match int {
                        Some(int) => int.wrap(!operand.number),
                        None => !operand.number,
                    },
                    _ => return Err(NO_INTEGER.to_owned()),
                };
                Ok(Value { number, int: operand.int })
            }
            Expr::Cast(cast) => {
                let int = match &*cast.ty {
                    Type::Infer(_) => expected.ok_or("the type of a cast is left out")?,
                    ty => self.extent(ty, scope)?.int.ok_or(NO_INTEGER)?,
                };
                let operand = self.value(&cast.expr, None, scope)?;
                let number = match operand.int {
                    // A literal without a type takes the one it is cast to.
                    None if int.holds(operand.number) => operand.number,
                    _ => int.wrap(operand.number),
                };
                Ok(Value { number, int: Some(int) })
            }
            Expr::Binary(binary) => self.binary(binary, expected, scope),
            Expr::Path(path) => self.named_value(path, scope),
            Expr::Call(call) => self.call(call, scope),
            Expr::If(choice) => {
                let condition = self.value(&choice.cond, None, scope)?;
                match (&choice.else_branch, condition.number) {
                    (_, 1..) => self.block(&choice.then_branch, expected, scope),
                    (Some((_, other)), _) => self.value(other, expected, scope),
                    (None, _) => Err(NO_INTEGER.to_owned()),
                }
            }
            Expr::Macro(call) if call.mac.path.is_ident("cfg") => {
                let meta = call.mac.parse_body().map_err(|error| error.to_string())?;
                Ok(Value { number: i128::from(self.krate.target.holds(&meta)), int: None })
            }
            Expr::Struct(_) | Expr::Array(_) | Expr::Repeat(_) | Expr::Tuple(_) | Expr::Reference(_) => {
                Err(NO_INTEGER.to_owned())
            }
            other => Err(format!("`{}` is not evaluated", text(other))),
        }
    }

    fn literal(&self, literal: &Lit, expected: Option<Int>) -> Result<Value, String> {
        match literal {
            Lit::Int(literal) => {
                let number: i128 = literal.base10_parse().map_err(|_| "a number is too large")?;
                let int = match literal.suffix() {
                    "" => expected.filter(|int| int.holds(number)),
                    suffix => primitive(&self.krate.target, suffix).and_then(|extent| extent.int),
                };
                Ok(Value { number, int })
            }
            Lit::Byte(byte) => {
                Ok(Value { number: i128::from(byte.value()), int: Some(Int { bits: 8, signed: false }) })
            }
            Lit::Bool(truth) => Ok(Value { number: i128::from(truth.value), int: None }),
            Lit::Char(letter) => Ok(Value { number: i128::from(u32::from(letter.value())), int: None }),
            _ => Err(NO_INTEGER.to_owned()),
        }
    }

    fn binary(&self, binary: &ExprBinary, expected: Option<Int>, scope: &Scope) -> Result<Value, String> {
        let shift = matches!(binary.op, BinOp::Shl(_) | BinOp::Shr(_));
        let compares = matches!(
            binary.op,
            BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_)
        );
        let expected = expected.filter(|_| !compares);
        let left = self.value(&binary.left, expected, scope)?;
        let right = self.value(&binary.right, if shift { None } else { expected.or(left.int) }, scope)?;
        let int = if shift { left.int } else { left.int.or(right.int) };
        let (a, b) = (left.number, right.number);
        let amount = u32::try_from(b).ok().filter(|amount| *amount < 64);
        let truth = |truth: bool| Ok(Value { number: i128::from(truth), int: None });
        let number = match binary.op {
            BinOp::Add(_) => a.checked_add(b),
            BinOp::Sub(_) => a.checked_sub(b),
            BinOp::Mul(_) => a.checked_mul(b),
            BinOp::Div(_) => a.checked_div(b),
            BinOp::Rem(_) => a.checked_rem(b),
            BinOp::BitAnd(_) | BinOp::And(_) => Some(a & b),
            BinOp::BitOr(_) | BinOp::Or(_) => Some(a | b),
            BinOp::BitXor(_) => Some(a ^ b),
            // What is shifted out of the type is lost.
            BinOp::Shl(_) => amount.and_then(|amount| {
                let wide = i64::try_from(a).is_ok() || u64::try_from(a).is_ok();
                wide.then(|| int.or(expected).map_or(a << amount, |int| int.wrap(a << amount)))
            }),
            BinOp::Shr(_) => amount.map(|amount| a >> amount),
            BinOp::Eq(_) => return truth(a == b),
            BinOp::Ne(_) => return truth(a != b),
            BinOp::Lt(_) => return truth(a < b),
            BinOp::Le(_) => return truth(a <= b),
            BinOp::Gt(_) => return truth(a > b),
            BinOp::Ge(_) => return truth(a >= b),
            _ => return Err(NO_INTEGER.to_owned()),
        };
        let number = number.ok_or("a calculation overflows")?;
        match int {
            Some(int) if !int.holds(number) => Err("a calculation overflows its type".to_owned()),
            _ => Ok(Value { number, int }),
        }
    }

    fn named_value(&self, path: &ExprPath, scope: &Scope) -> Result<Value, String> {
        let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let [name] = names.as_slice()
            && let Some(known) = scope.values.get(name)
        {
            return Ok(*known);
        }
        if let Some(entry) = self.find(scope.module, Space::Values, &names) {
            let What::Const { ty, value } = &entry.what else { return Err(NO_INTEGER.to_owned()) };
            return self.constant(ty, value, &scope.enter(entry.module)?);
        }
        // A constant of a type: `c_int::MAX`.
        let (last, before) = names.split_last().ok_or("a path is empty")?;
        if !before.is_empty() && matches!(last.as_str(), "MAX" | "MIN" | "BITS") {
            let mut ty = path.path.clone();
            ty.segments.pop();
            ty.segments.pop_punct();
            let int = self.extent(&Type::Path(syn::TypePath { attrs: Vec::new(), qself: None, path: ty }), scope)?.int;
            let int = int.ok_or(NO_INTEGER)?;
            let bits = Int { bits: 32, signed: false };
            return Ok(match last.as_str() {
                "MAX" => Value { number: int.max(), int: Some(int) },
                "MIN" => Value { number: int.min(), int: Some(int) },
                _ => Value { number: i128::from(int.bits), int: Some(bits) },
            });
        }
        Err(format!("`{}` is not known", names.join("::")))
    }

    fn call(&self, call: &ExprCall, scope: &Scope) -> Result<Value, String> {
        let Expr::Path(path) = &*call.func else { return Err("what is called is no name".to_owned()) };
        let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let last = path.path.segments.last().ok_or("a path is empty")?;
        let mut types: Vec<Extent> = Vec::new();
        if let PathArguments::AngleBracketed(list) = &last.arguments {
            for argument in &list.args {
                if let GenericArgument::Type(ty) = argument {
                    types.push(self.extent(ty, scope)?);
                }
            }
        }
        if let Some(entry) = self.find(scope.module, Space::Values, &names) {
            let What::Function(function) = &entry.what else { return Err("what is called is no function".to_owned()) };
            return self.function(function, entry.module, &types, call, scope);
        }
        let size = |number: u64| Ok(Value { number: i128::from(number), int: Some(self.usize()) });
        match (last.ident.to_string().as_str(), types.first()) {
            ("size_of", Some(extent)) => size(extent.size),
            ("align_of", Some(extent)) => size(extent.align),
            (name, _) => Err(format!("the function `{name}` is not known")),
        }
    }

    fn function(
        &self,
        function: &ItemFn,
        module: usize,
        types: &[Extent],
        call: &ExprCall,
        scope: &Scope,
    ) -> Result<Value, String> {
        let mut inner = scope.enter(module)?;
        let params = function.sig.generics.params.iter();
        let params = params
            .filter_map(|param| if let GenericParam::Type(ty) = param { Some(ty.ident.to_string()) } else { None });
        inner.types = params.zip(types.iter().copied()).collect();
        for (input, given) in function.sig.inputs.iter().zip(&call.args) {
            let FnArg::Typed(input) = input else { return Err("a method is called".to_owned()) };
            let Pat::Ident(name) = &*input.pat else { return Err("a parameter has no name".to_owned()) };
            let int = self.extent(&input.ty, &inner)?.int.ok_or(NO_INTEGER)?;
            let value = self.value(given, Some(int), scope)?;
            inner.values.insert(name.ident.to_string(), settle(value, int)?);
        }
        let syn::ReturnType::Type(_, ty) = &function.sig.output else { return Err(NO_INTEGER.to_owned()) };
        let int = self.extent(ty, &inner)?.int.ok_or(NO_INTEGER)?;
        settle(self.block(&function.block, Some(int), &inner)?, int)
    }

    fn block(&self, block: &Block, expected: Option<Int>, scope: &Scope) -> Result<Value, String> {
        let mut scope = scope.clone();
        for statement in &block.stmts {
            match statement {
                Stmt::Local(local) => {
                    let (pattern, ty) = match &local.pat {
                        Pat::Type(typed) => (&*typed.pat, self.extent(&typed.ty, &scope)?.int),
                        pattern => (pattern, None),
                    };
                    let Pat::Ident(name) = pattern else { return Err("a variable has no name".to_owned()) };
                    let Some(init) = &local.init else { return Err("a variable has no value".to_owned()) };
                    let value = self.value(&init.expr, ty, &scope)?;
                    scope.values.insert(name.ident.to_string(), value);
                }
                // Assertions hold, or the crate does not compile.
                Stmt::Macro(call) if is_assertion(&call.mac.path) => {}
                Stmt::Expr(Expr::Macro(call), Some(_)) if is_assertion(&call.mac.path) => {}
                Stmt::Expr(Expr::Return(done), _) => {
                    let value = done.expr.as_ref().ok_or(NO_INTEGER)?;
                    return self.value(value, expected, &scope);
                }
                Stmt::Expr(last, None) => return self.value(last, expected, &scope),
                other => return Err(format!("`{}` is not evaluated", text(other))),
            }
        }
        Err(NO_INTEGER.to_owned())
    }
}

fn is_assertion(path: &syn::Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident == "assert" || last.ident == "debug_assert")
}

/// The value in the type that its place has.
fn settle(value: Value, int: Int) -> Result<Value, String> {
    match value.int {
        Some(own) if own != int => Err("its type is not the one that is declared".to_owned()),
        // A literal that does not fit is cut off, where the crate allows it to be written (`overflowing_literals`).
        _ => Ok(Value { number: int.wrap(value.number), int: Some(int) }),
    }
}
