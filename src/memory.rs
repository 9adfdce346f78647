//! What the allocator does with memory that is not needed any more.

/// From now on, has freed memory given back at once. Kept for a while, as is mimalloc's habit, it adds up over the threads
/// that read pages or unpack wheels: the peak of a large lock from an empty cache is 80 MB, it would be 200. Whoever
/// neither resolves nor fetches is quicker without.
pub(crate) fn give_back_at_once() {
    set_purge_delay(0);
}

/// The process is about to end, and all of its memory with it: mimalloc need not give it back piece by piece before.
pub(crate) fn leave_to_the_system() {
    set_purge_delay(-1);
}

/// Milliseconds; less than none is never.
#[expect(unsafe_code, reason = "mimalloc's options have no safe interface")]
fn set_purge_delay(milliseconds: std::ffi::c_long) {
    /// `mi_option_purge_delay`, which the bindings leave out.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: the option exists, and any number is a delay. It is one aligned word: a thread that reads it right now sees
    // the delay before or the one after.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, milliseconds) };
}
