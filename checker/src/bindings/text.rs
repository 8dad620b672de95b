//! What a source file must be like for the reader of syntax trees, which calls itself for everything that is nested.

/// Brackets within each other; real sources have 17.
const NESTED: usize = 200;
/// Bytes between two of `;`, `,`, `{` and `}`: operators, types and paths nest without brackets. Real sources have 1,400.
const RUN: usize = 4_000;
/// Bytes of a file; real ones have a megabyte.
const LARGEST: usize = 16 << 20;

/// Whether a source can be read with a bounded stack.
///
/// # Errors
/// Says why not.
pub(super) fn admit(text: &str) -> Result<(), String> {
    if text.len() > LARGEST {
        return Err(format!("it has more than {} MiB", LARGEST >> 20));
    }
    let (mut depth, mut run) = (0_usize, 0_usize);
    for byte in text.bytes() {
        run += 1;
        match byte {
            // Those in comments and texts are counted too: closing ones never make the depth look smaller than it is.
            b'(' | b'[' => depth += 1,
            b'{' => (depth, run) = (depth + 1, 0),
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => (depth, run) = (depth.saturating_sub(1), 0),
            b';' | b',' => run = 0,
            _ => {}
        }
        if depth > NESTED {
            return Err(format!("brackets are nested more than {NESTED} deep"));
        }
        if run > RUN {
            return Err(format!("something is longer than {RUN} bytes"));
        }
    }
    Ok(())
}
