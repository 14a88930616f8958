//! A solver whose questions are written down: what was asked is part of a certificate.

use cedar_policy_symcc::solver::{Decision, DecisionWithModel, Solver, SolverError};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use terms::Digest;
use tokio::io::AsyncWrite;

/// Hands on to a solver and keeps the script of the question under way.
#[derive(Debug)]
pub(crate) struct Asked<S> {
    solver: S,
    script: Vec<u8>,
}

impl<S> Asked<S> {
    pub fn new(solver: S) -> Self {
        Self { solver, script: Vec::new() }
    }
    /// The SHA-256 of the script written since the last call, and whether there was one: what folds to a constant is
    /// decided without a question.
    pub fn take(&mut self) -> Option<Digest> {
        let script = std::mem::take(&mut self.script);
        (!script.is_empty()).then(|| Digest::of(&script))
    }
}

impl<S: Solver + Unpin + Send> AsyncWrite for Asked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(self.solver.smtlib_input()).poll_write(cx, buf);
        if let Poll::Ready(Ok(n)) = polled {
            self.script.extend(buf.iter().take(n));
        }
        polled
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.solver.smtlib_input()).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.solver.smtlib_input()).poll_shutdown(cx)
    }
}

impl<S: Solver + Unpin + Send> Solver for Asked<S> {
    fn smtlib_input(&mut self) -> &mut (dyn AsyncWrite + Unpin + Send) {
        self
    }
    async fn enable_models(&mut self) -> Result<(), SolverError> {
        use cedar_policy_symcc::SmtLibScript as _;
        self.smtlib_input().set_option("produce-models", "true").await.map_err(Into::into)
    }
    async fn check_sat(&mut self) -> Result<Decision, SolverError> {
        self.solver.check_sat().await
    }
    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, SolverError> {
        self.solver.check_sat_with_model().await
    }
}

/// No solver: every question is written down and none is answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unanswered;

impl AsyncWrite for Unanswered {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Solver for Unanswered {
    fn smtlib_input(&mut self) -> &mut (dyn AsyncWrite + Unpin + Send) {
        self
    }
    async fn enable_models(&mut self) -> Result<(), SolverError> {
        Ok(())
    }
    async fn check_sat(&mut self) -> Result<Decision, SolverError> {
        Ok(Decision::Unknown)
    }
    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, SolverError> {
        Ok(DecisionWithModel::Unknown)
    }
}
