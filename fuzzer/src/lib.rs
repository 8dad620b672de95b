//! The fuzzer: real system calls held against the specification.

pub mod ask;
pub mod bench;
pub mod campaign;
pub mod cell;
pub mod confirm;
pub mod coverage;
pub mod environment;
pub mod examine;
pub mod exec;
pub mod findings;
pub mod foreign;
pub mod generate;
pub mod hazard;
pub mod laws;
pub mod lower;
pub mod oracle;
pub mod pending;
pub mod plan;
pub mod plant;
pub mod program;
pub mod reproduce;
pub mod setup;
pub mod shrink;
pub mod trace;
pub mod worker;
pub mod world;
