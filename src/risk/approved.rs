//! Approved: the only thing that the broker stage sends.
//!
//! The constructor is private to `risk`. The type is neither `Pod`, `Zeroable` nor `AnyBitPattern`,
//! and does not copy: safe code can neither forge one nor send one twice.
//!
//! ```compile_fail
//! let forged = portcullis::risk::approved::Approved { frame: bytemuck::Zeroable::zeroed() };
//! ```
//! ```compile_fail
//! let forged: portcullis::risk::approved::Approved = bytemuck::Zeroable::zeroed();
//! ```
//! ```compile_fail
//! let forged: portcullis::risk::approved::Approved = bytemuck::cast([0u8; 128]);
//! ```
//! ```compile_fail
//! fn twice(approved: portcullis::risk::approved::Approved) -> [portcullis::risk::approved::Approved; 2] {
//!     [approved.clone(), approved]
//! }
//! ```

use crate::message::{BrokerRequest, Frame, Header, Kind};

/// A frame for a broker that the core has decided to send: a request, or a continuation behind one.
#[derive(Debug)]
#[repr(transparent)]
pub struct Approved {
    frame: Frame,
}

impl Approved {
    pub(super) fn request(kind: Kind, header: Header, request: BrokerRequest) -> Self {
        Self {
            frame: Frame::new(kind, header, request),
        }
    }

    pub(super) fn continuation(frame: Frame) -> Self {
        Self { frame }
    }

    /// What is to be sent.
    #[inline]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// For tests of what lies behind the core.
    #[cfg(test)]
    pub(crate) fn forged(frame: Frame) -> Self {
        Self { frame }
    }
}
