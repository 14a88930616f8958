//! Does nothing. Asked for beside a build of the programs, it makes cargo choose features as it does for tests; without
//! it DataFusion and all below would be compiled twice, once for `demo` and once for `test`.

fn main() {}
