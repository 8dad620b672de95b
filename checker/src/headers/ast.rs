//! What the grammar of C declarations and constant expressions yields.

use super::lex::Spot;
use super::symbol::Sym;
use super::value::Value;

/// A constant expression, or something that looks like an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    /// A number or character.
    Number(Value),
    /// An identifier.
    Name(Sym),
    /// `op x`.
    Unary(Sym, Box<Expr>),
    /// `x op y`.
    Binary(Sym, Box<Expr>, Box<Expr>),
    /// `c ? x : y`.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `(type) x`.
    Cast(Box<TypeName>, Box<Expr>),
    /// `sizeof (type)`.
    SizeofType(Box<TypeName>),
    /// `sizeof x`.
    Sizeof(Box<Expr>),
    /// `_Alignof (type)`.
    AlignofType(Box<TypeName>),
    /// `__builtin_offsetof(type, a.b[1])`.
    Offsetof(Box<TypeName>, Vec<Step>),
    /// `x.name`, `x->name`.
    Member { of: Box<Expr>, name: Sym, through: bool },
    /// `x[i]`.
    Element(Box<Expr>, Box<Expr>),
    /// A string: how many bytes it has, with the NUL.
    Text(u64),
    /// A call of a function that compilers know.
    Call(Sym, Vec<Expr>),
    /// Something that is no integer constant, and what it is.
    Opaque(&'static str),
}

/// A step into a struct.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// A member.
    Member(Sym),
    /// An element.
    Element(Expr),
}

/// A type without a name: `struct foo *`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypeName {
    /// The specifiers.
    pub(crate) specs: Specs,
    /// What is made of them.
    pub(crate) declarator: Declarator,
}

/// A declaration at the top of a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Declaration {
    /// A declaration.
    Declared {
        /// The specifiers.
        specs: Specs,
        /// What they declare.
        declarators: Vec<Declarator>,
    },
    /// `#pragma pack`.
    Pack(Pack),
    /// Nothing of interest.
    Nothing,
}

/// What `#pragma pack` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pack {
    /// Sets the limit; none is the default.
    Set(Option<u64>),
    /// Saves the limit, and may set a new one.
    Push(Option<u64>),
    /// Takes back the saved limit.
    Pop,
}

/// The specifiers of a declaration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Specs {
    /// The type.
    pub(crate) base: Base,
    /// Whether names of types are declared.
    pub(crate) typedef: bool,
    /// Whether it is `const`.
    pub(crate) constant: bool,
    /// Attributes of what is declared.
    pub(crate) attributes: Vec<Attribute>,
}

/// The type that specifiers name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Base {
    /// None: `int` is meant.
    #[default]
    Missing,
    /// Words such as `unsigned long`.
    Words(Words),
    /// A typedef's name.
    Name(Sym),
    /// A struct or union.
    Record(RecordSpec),
    /// An enumeration.
    Enum(EnumSpec),
    /// `typeof (type)`.
    Typeof(Box<TypeName>),
    /// `typeof (x)`.
    TypeofValue(Box<Expr>),
}

/// How often each word occurs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    /// `unsigned`.
    pub(crate) unsigned: bool,
    /// `signed`.
    pub(crate) signed: bool,
    /// `short`.
    pub(crate) short: bool,
    /// `long`.
    pub(crate) long: u8,
    /// The word that names the kind of type; 0 is none.
    pub(crate) core: Option<Sym>,
}

/// A struct or union.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecordSpec {
    /// Whether it is a union.
    pub(crate) union: bool,
    /// Its tag.
    pub(crate) tag: Option<Sym>,
    /// Its members, if they are stated here.
    pub(crate) members: Option<Vec<MemberDeclaration>>,
    /// Its own attributes.
    pub(crate) attributes: Vec<Attribute>,
    /// Where it is written.
    pub(crate) at: Spot,
}

/// Members that share specifiers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MemberDeclaration {
    /// The specifiers.
    pub(crate) specs: Specs,
    /// The members; none for an anonymous struct.
    pub(crate) declarators: Vec<Declarator>,
}

/// An enumeration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EnumSpec {
    /// Its tag.
    pub(crate) tag: Option<Sym>,
    /// Its constants, if they are stated here.
    pub(crate) items: Option<Vec<EnumItem>>,
    /// Its own attributes.
    pub(crate) attributes: Vec<Attribute>,
}

/// A constant of an enumeration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EnumItem {
    /// Its name.
    pub(crate) name: Sym,
    /// Its value, where it is not the one after its predecessor.
    pub(crate) value: Option<Expr>,
    /// Where it is written.
    pub(crate) at: Spot,
}

/// A name and what is made of the specifiers for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Declarator {
    /// The name, where there is one.
    pub(crate) name: Option<(Sym, Spot)>,
    /// From the specifiers' type outwards to the name's.
    pub(crate) derived: Vec<Derived>,
    /// Width of a bit-field.
    pub(crate) bits: Option<Expr>,
    /// Its own attributes.
    pub(crate) attributes: Vec<Attribute>,
}

/// A step from a type to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Derived {
    /// A pointer to it.
    Pointer {
        /// Whether the pointer itself is `const`.
        constant: bool,
    },
    /// An array of it.
    Array(Option<Expr>),
    /// A function that returns it.
    Function,
}

/// An attribute that changes a layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    /// `packed`.
    Packed,
    /// `aligned`, `aligned(n)`.
    Aligned(Option<Expr>),
    /// `mode(DI)`.
    Mode(Sym),
    /// `vector_size(n)`.
    Vector,
}
