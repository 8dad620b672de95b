//! Texts of tokens, each stored once and named by a number.

use std::collections::HashMap;

/// The number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sym(pub(crate) u32);

impl Sym {
    /// For use in vectors with one slot per text.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

macro_rules! known {
    ($($name:ident $text:literal)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "the order of the list gives the numbers")]
        enum Order { $($name),* }

        /// The texts that the readers look for.
        pub(crate) mod sym {
            use super::{Order, Sym};
            $(pub(crate) const $name: Sym = Sym(Order::$name as u32);)*
        }

        const KNOWN: &[&str] = &[$($text),*];
    };
}

known! {
    EMPTY "" HASH "#" HASH_HASH "##" PAREN_OPEN "(" PAREN_CLOSE ")" BRACE_OPEN "{" BRACE_CLOSE "}" BRACKET_OPEN "["
    BRACKET_CLOSE "]" COMMA "," SEMICOLON ";" COLON ":" QUESTION "?" DOT "." ARROW "->" ELLIPSIS "..." ASSIGN "="
    PLUS "+" MINUS "-" STAR "*" SLASH "/" PERCENT "%" AMP "&" PIPE "|" CARET "^" TILDE "~" BANG "!" LESS "<" GREATER ">"
    SHIFT_LEFT "<<" SHIFT_RIGHT ">>" LESS_EQUAL "<=" GREATER_EQUAL ">=" EQUAL "==" NOT_EQUAL "!=" AND_AND "&&" OR_OR "||"
    ZERO "0" ONE "1"
    IF "if" IFDEF "ifdef" IFNDEF "ifndef" ELIF "elif" ELSE "else" ENDIF "endif" INCLUDE "include"
    INCLUDE_NEXT "include_next" DEFINE "define" UNDEF "undef" ERROR "error" PRAGMA "pragma" DEFINED "defined" PACK "pack"
    PUSH "push" POP "pop"
    VA_ARGS "__VA_ARGS__" FILE "__FILE__" LINE "__LINE__" COUNTER "__COUNTER__" HAS_INCLUDE "__has_include"
    HAS_INCLUDE_NEXT "__has_include_next" PRAGMA_PACK "#pragma pack"
    TYPEDEF "typedef" EXTERN "extern" STATIC "static" INLINE "inline" INLINE_ "__inline" INLINE__ "__inline__"
    REGISTER "register" NORETURN "_Noreturn" THREAD "__thread" EXTENSION "__extension__" AUTO "auto"
    CONST "const" CONST_ "__const" CONST__ "__const__" VOLATILE "volatile" VOLATILE_ "__volatile" VOLATILE__ "__volatile__"
    RESTRICT "restrict" RESTRICT_ "__restrict" RESTRICT__ "__restrict__" ATOMIC "_Atomic"
    STRUCT "struct" UNION "union" ENUM "enum" VOID "void" BOOL "_Bool" CHAR "char" SHORT "short" INT "int" LONG "long"
    SIGNED "signed" SIGNED_ "__signed" SIGNED__ "__signed__" UNSIGNED "unsigned" FLOAT "float" DOUBLE "double"
    INT128 "__int128" FLOAT128 "_Float128" FLOAT64 "_Float64" FLOAT32 "_Float32" FLOAT64X "_Float64x" FLOAT32X "_Float32x"
    COMPLEX "_Complex" COMPLEX_ "__complex__" VA_LIST "__builtin_va_list"
    TYPEOF "typeof" TYPEOF_ "__typeof" TYPEOF__ "__typeof__"
    ATTRIBUTE "__attribute__" ATTRIBUTE_ "__attribute" ASM "asm" ASM_ "__asm" ASM__ "__asm__" ALIGNAS "_Alignas"
    STATIC_ASSERT "_Static_assert"
    PACKED "packed" PACKED__ "__packed__" ALIGNED "aligned" ALIGNED__ "__aligned__" MODE "mode" MODE__ "__mode__"
    VECTOR_SIZE "vector_size" VECTOR_SIZE__ "__vector_size__"
    SIZEOF "sizeof" ALIGNOF "_Alignof" ALIGNOF_ "__alignof" ALIGNOF__ "__alignof__" OFFSETOF "__builtin_offsetof"
    REQUEST "<request>" IO "_IO" IOR "_IOR" IOW "_IOW" IOWR "_IOWR" IOR_BAD "_IOR_BAD" IOW_BAD "_IOW_BAD" IOWR_BAD "_IOWR_BAD"
    IOC "_IOC" IOC_DIR "_IOC_DIR" IOC_TYPE "_IOC_TYPE" IOC_NR "_IOC_NR" IOC_SIZE "_IOC_SIZE" IOC_READ "_IOC_READ"
    IOC_WRITE "_IOC_WRITE"
    CONSTANT_P "__builtin_constant_p" BSWAP16 "__builtin_bswap16" BSWAP32 "__builtin_bswap32" BSWAP64 "__builtin_bswap64"
}

/// Every text met so far, each once.
#[derive(Debug)]
pub(crate) struct Texts {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Sym>,
}

/// How many texts the readers look for: they have the same numbers everywhere.
pub(crate) const KNOWN_TEXTS: usize = KNOWN.len();

impl Texts {
    /// The texts that the readers look for, at their fixed numbers.
    pub(crate) fn new() -> Self {
        let mut texts = Self { texts: Vec::new(), numbers: HashMap::new() };
        for text in KNOWN {
            texts.intern(text);
        }
        texts
    }

    /// The number of a text.
    pub(crate) fn intern(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.numbers.get(text) {
            return *sym;
        }
        let sym = Sym(self.texts.len() as u32);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), sym);
        sym
    }

    /// The number of a text that was met.
    pub(crate) fn find(&self, text: &str) -> Option<Sym> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub(crate) fn text(&self, sym: Sym) -> &str {
        self.texts.get(sym.index()).map_or("", |text| text)
    }

    /// In the order of their numbers.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(|text| &**text)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }
}

/// The texts of all headers, which readers share, and those that one reader made by pasting.
#[derive(Debug)]
pub(crate) struct Symbols<'s> {
    shared: &'s Texts,
    own: Vec<Box<str>>,
    own_numbers: HashMap<Box<str>, Sym>,
}

impl<'s> Symbols<'s> {
    /// Without texts of its own.
    pub(crate) fn new(shared: &'s Texts) -> Self {
        Self { shared, own: Vec::new(), own_numbers: HashMap::new() }
    }

    /// The number of a text.
    pub(crate) fn intern(&mut self, text: &str) -> Sym {
        if let Some(sym) = self.shared.find(text).or_else(|| self.own_numbers.get(text).copied()) {
            return sym;
        }
        let sym = Sym((self.shared.len() + self.own.len()) as u32);
        self.own.push(text.into());
        self.own_numbers.insert(text.into(), sym);
        sym
    }

    /// The number of another reader's text.
    pub(crate) fn take(&mut self, sym: Sym, other: &Symbols<'s>) -> Sym {
        if sym.index() < self.shared.len() { sym } else { self.intern(other.text(sym)) }
    }

    /// The text of a number.
    pub(crate) fn text(&self, sym: Sym) -> &str {
        match sym.index().checked_sub(self.shared.len()) {
            None => self.shared.text(sym),
            Some(own) => self.own.get(own).map_or("", |text| text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts_have_their_constants() {
        let texts = Texts::new();
        assert_eq!(texts.text(sym::HASH_HASH), "##");
        assert_eq!(texts.text(sym::BSWAP64), "__builtin_bswap64");
        assert_eq!(texts.find("typedef"), Some(sym::TYPEDEF));
        assert_eq!(texts.len(), KNOWN.len(), "a text is listed twice");
    }

    #[test]
    fn readers_add_texts_of_their_own() {
        let mut texts = Texts::new();
        let quay = texts.intern("quay");
        let (mut one, mut other) = (Symbols::new(&texts), Symbols::new(&texts));
        assert_eq!(one.intern("quay"), quay);
        let (pier, wharf) = (one.intern("pier"), other.intern("wharf"));
        assert_eq!((one.text(pier), other.text(wharf)), ("pier", "wharf"));
        assert_eq!(one.intern("pier"), pier);
        assert_eq!(one.text(Sym(u32::MAX)), "");
    }
}
