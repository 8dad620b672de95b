//! What is in flight, kept where it outlives the kernel.
//!
//! In a virtual machine whose memory its host keeps, a batch that is about to run is written to pages of this process, and the
//! host looks for these once the machine has ended ([`read`]). Nothing has to be sent, no driver to be there, and a kernel that
//! dies at once has lost nothing of it. Which call it is says the control record of the batch's sandbox, which lies in the same
//! memory.

mod page;
mod read;
mod record;
mod wire;

pub use read::{Flight, Flown, concerns, read};
pub(crate) use record::Recorder;
pub use record::keep;
