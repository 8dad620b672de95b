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
    CONSTANT_P "__builtin_constant_p" BSWAP16 "__builtin_bswap16" BSWAP32 "__builtin_bswap32" BSWAP64 "__builtin_bswap64"
}

/// Every text met so far.
#[derive(Debug)]
pub(crate) struct Symbols {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Sym>,
}

impl Symbols {
    /// The texts that the readers look for, at their fixed numbers.
    pub(crate) fn new() -> Self {
        let mut symbols = Self { texts: Vec::new(), numbers: HashMap::new() };
        for text in KNOWN {
            symbols.intern(text);
        }
        symbols
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

    /// The text of a number.
    pub(crate) fn text(&self, sym: Sym) -> &str {
        self.texts.get(sym.index()).map_or("", |text| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts_have_their_constants() {
        let symbols = Symbols::new();
        assert_eq!(symbols.text(sym::HASH_HASH), "##");
        assert_eq!(symbols.text(sym::BSWAP64), "__builtin_bswap64");
        assert_eq!(symbols.numbers.get("typedef"), Some(&sym::TYPEDEF));
        assert_eq!(symbols.texts.len(), KNOWN.len(), "a text is listed twice");
    }
}
