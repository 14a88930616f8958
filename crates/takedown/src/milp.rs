//! The integer model of one reduced problem, solved aim by aim: each aim's best value becomes a bound for the next.
//!
//! What the operator wins back is the worst over all sets of channels within its budget; sets enter as cuts when a
//! solution breaks them. Bounds: at most 60 solver runs, each with a time limit; beyond, the result is not proven.

use crate::{
    problem::{Problem, Take},
    solve::{evaluate, worst},
};
use good_lp::{
    Expression, ProblemVariables, Solution as _, SolverModel as _, Variable, WithTimeLimit as _, microlp,
    solvers::SolutionStatus, variable,
};

/// Seconds for one run of the solver.
const SECONDS: f64 = 5.0;
/// Most runs.
const RUNS: usize = 60;

pub(crate) struct Found {
    pub takes: Vec<Take>,
    pub proven: bool,
}

/// The aims in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    Silence,
    Recovery,
    Worth,
    Cost,
    Tenants,
}

/// What earlier aims have fixed.
#[derive(Default)]
struct Fixed {
    bots: Option<f64>,
    recovery: Option<u64>,
    worth: Option<f64>,
    cost: Option<f64>,
    cuts: Vec<Vec<usize>>,
}

/// Solves aim by aim; none where the solver finds nothing at all.
pub(crate) fn solve(problem: &Problem) -> Option<Found> {
    let mut fixed = Fixed::default();
    let mut best: Option<Vec<Take>> = None;
    let mut runs = 0;
    for aim in [Aim::Silence, Aim::Recovery, Aim::Worth, Aim::Cost, Aim::Tenants] {
        loop {
            runs += 1;
            let run = if runs > RUNS { None } else { run(problem, &fixed, aim) };
            let Some(Run { takes, optimal, recovered }) = run else {
                return best.map(|takes| Found { takes, proven: false });
            };
            let value = evaluate(problem, &takes);
            let (won, set) = worst(problem, &takes);
            let broken = match (aim, fixed.recovery) {
                (Aim::Silence, _) => false,
                (Aim::Recovery, _) => won as f64 > recovered + 0.5,
                (_, limit) => won > limit.unwrap_or(0),
            };
            // A cut that is there and still broken means that the solver's arithmetic failed: nothing is proven.
            let optimal = optimal && !(broken && fixed.cuts.contains(&set));
            if !optimal {
                let better = best.as_ref().is_none_or(|b| value < evaluate(problem, b));
                let takes = if better { takes } else { best.unwrap_or_default() };
                return Some(Found { takes, proven: false });
            }
            if broken {
                fixed.cuts.push(set);
                continue;
            }
            match aim {
                Aim::Silence => {
                    let all: u64 = problem.groups.iter().map(|g| g.bots).sum();
                    fixed.bots = Some((all + problem.lost - value.surviving) as f64);
                }
                Aim::Recovery => fixed.recovery = Some(won),
                Aim::Worth => {
                    let all = problem.parts.iter().filter(|p| p.worth).count() as u64;
                    fixed.worth = Some((all - value.worth_left) as f64);
                }
                Aim::Cost => fixed.cost = Some(value.cost_cents as f64),
                Aim::Tenants => {}
            }
            best = Some(takes);
            break;
        }
    }
    best.map(|takes| Found { takes, proven: true })
}

/// What one run of the solver found.
struct Run {
    takes: Vec<Take>,
    optimal: bool,
    recovered: f64,
}

/// The variables of one run.
struct Model {
    takes: Vec<Vec<Variable>>,
    silent: Vec<Variable>,
}

fn sum<'a>(vars: impl IntoIterator<Item = &'a Variable>) -> Expression {
    vars.into_iter().fold(Expression::from(0.0), |e, v| e + *v)
}

fn run(problem: &Problem, fixed: &Fixed, aim: Aim) -> Option<Run> {
    let mut vars = ProblemVariables::new();
    let model = Model {
        takes: problem
            .parts
            .iter()
            .map(|p| p.ways.iter().map(|_| vars.add(variable().binary())).collect())
            .collect(),
        silent: problem.groups.iter().map(|_| vars.add(variable().clamp(0.0, 1.0))).collect(),
    };
    let recovered = vars.add(variable().min(0.0));
    let mut rows = Vec::new();
    let taken = |p: usize| sum(model.takes.get(p).into_iter().flatten());
    for p in 0..problem.parts.len() {
        rows.push(taken(p).leq(1.0));
    }
    for (group, silent) in problem.groups.iter().zip(&model.silent) {
        rows.extend(group.parts.iter().map(|p| (Expression::from(*silent) - taken(*p)).leq(0.0)));
    }
    let each = || problem.parts.iter().zip(&model.takes);
    let tenants = each().fold(Expression::from(0.0), |e, (p, t)| e + sum(t) * p.tenants as f64);
    let worth = each().filter(|(p, _)| p.worth).fold(Expression::from(0.0), |e, (_, t)| e + sum(t));
    let cost = each().fold(Expression::from(0.0), |e, (p, t)| {
        t.iter().zip(&p.ways).fold(e, |e, (v, (cents, _))| e + *v * (*cents as f64))
    });
    let bots = problem
        .groups
        .iter()
        .zip(&model.silent)
        .fold(Expression::from(0.0), |e, (g, v)| e + *v * (g.bots as f64));
    rows.push(tenants.clone().leq(problem.cap as f64));
    for set in &fixed.cuts {
        cut(problem, &model, set, recovered, &mut vars, &mut rows);
    }
    // Every value is a whole number: half a unit of slack absorbs the solver's rounding and admits nothing worse.
    rows.extend(fixed.bots.map(|n| bots.clone().geq(n - 0.5)));
    rows.extend(fixed.recovery.map(|n| Expression::from(recovered).leq(n as f64 + 0.5)));
    rows.extend(fixed.worth.map(|n| worth.clone().geq(n - 0.5)));
    rows.extend(fixed.cost.map(|n| cost.clone().leq(n + 0.5)));
    let goal = match aim {
        Aim::Silence => bots * -1.0,
        Aim::Recovery => Expression::from(recovered),
        Aim::Worth => worth * -1.0,
        Aim::Cost => cost,
        Aim::Tenants => tenants,
    };
    let mut solver = vars.minimise(goal).using(microlp).with_time_limit(SECONDS);
    for row in rows {
        solver.add_constraint(row);
    }
    let solution = solver.solve().ok()?;
    let takes = model
        .takes
        .iter()
        .map(|ways| match ways.iter().position(|v| solution.value(*v) > 0.5) {
            Some(way) => Take::By(way),
            None => Take::Leave,
        })
        .collect();
    let optimal = matches!(solution.status(), SolutionStatus::Optimal);
    Some(Run { takes, optimal, recovered: solution.value(recovered) })
}

/// `recovered` is at least what rebuilding the channels of `set` wins back.
fn cut(
    problem: &Problem,
    model: &Model,
    set: &[usize],
    recovered: Variable,
    vars: &mut ProblemVariables,
    rows: &mut Vec<good_lp::Constraint>,
) {
    let mut won = Expression::from(0.0);
    for (group, silent) in problem.groups.iter().zip(&model.silent) {
        let back: Vec<usize> = group.channels.iter().copied().filter(|c| set.contains(c)).collect();
        if back.is_empty() {
            continue;
        }
        let z = vars.add(variable().clamp(0.0, 1.0));
        for part in back.iter().filter_map(|c| problem.channels.get(*c)).flatten() {
            let (Some(p), Some(takes)) = (problem.parts.get(*part), model.takes.get(*part)) else { continue };
            for (_, take) in p.ways.iter().zip(takes).filter(|((_, firm), _)| !firm) {
                rows.push((Expression::from(*silent) + *take - z).leq(1.0));
            }
        }
        won += z * (group.bots as f64);
    }
    rows.push((won - recovered).leq(0.0));
}
