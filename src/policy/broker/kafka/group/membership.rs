//! Who is in the group, and how partitions change hands.
//!
//! Classic protocols: a change of membership opens a rebalance, which ends when all have joined again or the slow ones are thrown out.
//! A member learns of it by its next heartbeat and acts at its next poll. Broker-driven: the broker says at once who shall have what,
//! and each partition moves when its owner has learnt so and let go of it.

use super::member::{Member, Standing};
use super::{Group, Initial, Scene, State};
use crate::base::time::{Instant, Nanos};
use crate::policy::broker::kafka::rules::{Commit, Protocol};
use crate::policy::broker::kafka::{Answer, Thrown, assignor};

impl Group {
    /// A new member, whose number is returned. `instance`: its `group.instance.id`; it takes the place of the one that has it already.
    pub(in super::super) fn join<M: Copy>(&mut self, instance: Option<u32>, scene: &mut Scene<M>) -> u32 {
        let number = self.members.len() as u32;
        let mut member = Member::new(instance, scene.now);
        if let Commit::Auto { interval } = self.rules.commit {
            member.commit_due = scene.now + interval;
        }
        self.members.push(member);
        let same = |other: &Member| instance.is_some() && other.instance == instance && other.standing != Standing::Gone;
        match (0..number).find(|other| same(&self.members[*other as usize])) {
            Some(old) if self.members[old as usize].is_in() => self.replace(old, number, scene),
            Some(old) => {
                self.retire(old);
                self.enter(number, scene);
            }
            None => self.enter(number, scene),
        }
        number
    }

    /// It comes back no more.
    fn retire(&mut self, member: u32) {
        let one = &mut self.members[member as usize];
        one.standing = Standing::Gone;
        (one.session_ends, one.poll_by, one.learns) = (Instant::NEVER, Instant::NEVER, Instant::NEVER);
        one.batch.clear();
        one.in_hand = None;
    }

    /// A static member has restarted: it goes on with what it had, and nobody else notices.
    fn replace<M: Copy>(&mut self, old: u32, new: u32, scene: &mut Scene<M>) {
        let preparing = matches!(self.state, State::Preparing { .. });
        let (learns, knows, assigned) = {
            let one = &mut self.members[old as usize];
            (one.learns, one.knows, one.assigned.take())
        };
        self.retire(old);
        let one = &mut self.members[new as usize];
        (one.standing, one.rejoined) = (Standing::In, preparing);
        (one.learns, one.knows, one.assigned) = (learns, knows, assigned);
        for partition in self.owned(old).collect::<Vec<_>>() {
            self.cursors[partition as usize].release();
            if !(preparing && self.rules.protocol == Protocol::Eager) {
                self.take(new, partition, scene);
            }
        }
        self.target.iter_mut().filter(|target| **target == Some(old)).for_each(|target| *target = Some(new));
        self.try_complete(scene);
        self.poll(new, scene);
    }

    /// A member joins, for the first time or after it was thrown out.
    pub(super) fn enter<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let one = &mut self.members[member as usize];
        (one.standing, one.rejoined, one.knows, one.learns) = (Standing::In, true, false, Instant::NEVER);
        one.assigned = None;
        one.beats_from(scene.now);
        if self.is_broker_driven() {
            self.retarget(scene);
            self.reconcile(member, scene);
            return self.poll(member, scene);
        }
        match &mut self.state {
            State::Empty => self.await_more(scene),
            State::Preparing { initial, .. } => {
                // Only a group that never had a generation waits for those who come late.
                if let (Some(initial), 0) = (initial, self.generation) {
                    initial.came = true;
                }
            }
            State::Completing { .. } | State::Stable => self.prepare(Some(member), scene.now),
        }
        self.try_complete(scene);
    }

    fn await_more<M>(&mut self, scene: &Scene<M>) {
        let (delay, most) = (self.rules.initial_delay, self.rules.max_poll_interval);
        let initial = (delay > Nanos::ZERO).then_some(Initial { came: false, rest: most - delay });
        let ends = scene.now + if initial.is_some() { delay } else { most };
        self.state = State::Preparing { ends, initial };
        self.ring(ends);
    }

    /// A member closes its consumer: what it has handled is committed if that is automatic, and its partitions are free at once. A static
    /// one says nothing, so that its session must end, or its successor come.
    pub(in super::super) fn leave<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        if self.is_gone(member) {
            return;
        }
        let was_in = self.members[member as usize].is_in();
        if self.commits_by_itself() {
            self.commit(member);
        }
        if was_in && self.members[member as usize].instance.is_some() {
            self.unreachable(member, scene.now);
            let one = &mut self.members[member as usize];
            one.batch.clear();
            one.in_hand = None;
            one.poll_by = Instant::NEVER;
            // Nobody has in hand what it had; but nobody else may read it yet.
            for partition in self.owned(member).collect::<Vec<_>>() {
                let cursor = &mut self.cursors[partition as usize];
                cursor.move_to(cursor.settled.max(cursor.committed));
            }
            return;
        }
        self.release_all(member);
        self.retire(member);
        if was_in {
            self.changed(scene);
        }
    }

    /// A member is not heard of: it has crashed, or the network is cut.
    pub(in super::super) fn unreachable(&mut self, member: u32, now: Instant) {
        let one = &mut self.members[member as usize];
        if !one.reachable || one.standing == Standing::Gone {
            return;
        }
        one.reachable = false;
        if one.is_in() && one.session_ends == Instant::NEVER {
            one.session_ends = one.last_heartbeat(self.rules.heartbeat, now) + self.rules.session_timeout;
            let ends = one.session_ends;
            self.ring(ends);
        }
    }

    /// It is heard of again.
    pub(in super::super) fn reachable<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let one = &mut self.members[member as usize];
        if one.reachable || one.standing == Standing::Gone {
            return;
        }
        (one.reachable, one.session_ends) = (true, Instant::NEVER);
        one.beats_from(scene.now);
        let late = one.is_in() && one.in_hand.is_some() && one.poll_by == Instant::NEVER;
        if late && one.instance.is_none() {
            return self.throw_out(member, Thrown::Poll, scene);
        }
        if one.idle() && one.is_in() && !self.commits_by_itself() {
            // A commit that could not be made was tried until now.
            self.commit(member);
        }
        self.poll(member, scene);
    }

    pub(super) fn throw_out<M: Copy>(&mut self, member: u32, why: Thrown, scene: &mut Scene<M>) {
        self.expel(member, why, scene);
        self.changed(scene);
    }

    fn expel<M: Copy>(&mut self, member: u32, why: Thrown, scene: &mut Scene<M>) {
        let one = &mut self.members[member as usize];
        (one.standing, one.knows, one.assigned) = (Standing::Out, false, None);
        (one.session_ends, one.poll_by, one.learns) = (Instant::NEVER, Instant::NEVER, Instant::NEVER);
        if one.idle() {
            one.learns = one.next_heartbeat(self.rules.heartbeat, scene.now);
            let learns = one.learns;
            self.ring(learns);
        }
        self.release_all(member);
        scene.answers.push(Answer::ThrownOut { group: self.number, member, why });
    }

    fn release_all(&mut self, member: u32) {
        for partition in self.owned(member).collect::<Vec<_>>() {
            self.cursors[partition as usize].release();
        }
    }

    /// A member is gone.
    fn changed<M: Copy>(&mut self, scene: &mut Scene<M>) {
        if self.is_broker_driven() {
            return self.retarget(scene);
        }
        match self.state {
            State::Empty | State::Preparing { .. } => {}
            State::Completing { .. } | State::Stable => self.prepare(None, scene.now),
        }
        self.try_complete(scene);
    }

    // -- classic protocols -------------------------------------------------------------------------------------------

    /// Opens a rebalance. `by`: who opens it has joined it.
    fn prepare(&mut self, by: Option<u32>, now: Instant) {
        // Who waits for an assignment joins again at once; who reads must learn of it first.
        let at_once = matches!(self.state, State::Completing { .. });
        let ends = now + self.rules.max_poll_interval;
        self.state = State::Preparing { ends, initial: None };
        self.ring(ends);
        for member in self.members().collect::<Vec<_>>() {
            let one = &mut self.members[member as usize];
            one.rejoined = at_once || by == Some(member);
            if !one.rejoined {
                one.learns = one.next_heartbeat(self.rules.heartbeat, now);
                let learns = one.learns;
                self.ring(learns);
            }
        }
    }

    /// What a member does at its poll about what it has been told.
    pub(super) fn attend<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        if let Some(list) = self.members[member as usize].assigned.take() {
            self.adopt(member, &list, scene);
        }
        if std::mem::take(&mut self.members[member as usize].knows) {
            if self.is_broker_driven() {
                self.reconcile(member, scene);
            } else if matches!(self.state, State::Preparing { .. }) {
                self.rejoin(member, scene);
            }
        }
    }

    fn rejoin<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        if self.members[member as usize].rejoined {
            return;
        }
        self.members[member as usize].rejoined = true;
        if self.rules.protocol == Protocol::Eager {
            if self.commits_by_itself() {
                self.commit(member);
            }
            self.release_all(member);
        }
        self.try_complete(scene);
    }

    /// A member gets its new assignment: it lets go of the rest, and if there was a rest, that is given out by another rebalance.
    fn adopt<M: Copy>(&mut self, member: u32, list: &[u32], scene: &mut Scene<M>) {
        let let_go = self.let_go(member, |partition| list.contains(&partition));
        for partition in list {
            if self.cursors[*partition as usize].owner.is_none() {
                self.take(member, *partition, scene);
            }
        }
        if let_go.is_empty() {
            return;
        }
        match self.state {
            State::Preparing { .. } => self.members[member as usize].rejoined = true,
            State::Empty | State::Completing { .. } | State::Stable => self.prepare(Some(member), scene.now),
        }
        self.try_complete(scene);
    }

    /// Gives up what a member is not to keep, its place committed if that is automatic.
    fn let_go(&mut self, member: u32, keeps: impl Fn(u32) -> bool) -> Vec<u32> {
        let let_go: Vec<u32> = self.owned(member).filter(|partition| !keeps(*partition)).collect();
        if !let_go.is_empty() && self.commits_by_itself() {
            self.commit(member);
        }
        let_go.iter().for_each(|partition| self.cursors[*partition as usize].release());
        let_go
    }

    /// Ends the wait for members, if there is nobody to wait for.
    fn try_complete<M: Copy>(&mut self, scene: &mut Scene<M>) {
        let State::Preparing { initial, .. } = self.state else { return };
        if self.members().next().is_none() {
            self.state = State::Empty;
            self.generation += 1;
            return;
        }
        if initial.is_some() || !self.members().all(|member| self.members[member as usize].rejoined) {
            return;
        }
        self.generation += 1;
        if self.rules.completing == Nanos::ZERO {
            return self.hand_out(scene);
        }
        let ends = scene.now + self.rules.completing;
        self.state = State::Completing { ends };
        self.ring(ends);
    }

    /// Lets a phase end whose time is over.
    pub(super) fn pass_phase<M: Copy>(&mut self, scene: &mut Scene<M>) {
        match self.state {
            State::Preparing { ends, initial: Some(Initial { came: true, rest }) } if ends <= scene.now && rest > Nanos::ZERO => {
                let wait = rest.min(self.rules.initial_delay);
                let initial = Some(Initial { came: false, rest: rest - wait });
                self.state = State::Preparing { ends: ends + wait, initial };
                self.ring(ends + wait);
            }
            State::Preparing { ends, .. } if ends <= scene.now => {
                self.state = State::Preparing { ends, initial: None };
                for late in self.members().filter(|member| !self.members[*member as usize].rejoined).collect::<Vec<_>>() {
                    self.expel(late, Thrown::Rebalance, scene);
                }
                self.try_complete(scene);
            }
            State::Completing { ends } if ends <= scene.now => self.hand_out(scene),
            State::Empty | State::Preparing { .. } | State::Completing { .. } | State::Stable => {}
        }
    }

    /// The assignment reaches the members. In the cooperative protocol nobody gets what another has not let go of.
    fn hand_out<M: Copy>(&mut self, scene: &mut Scene<M>) {
        self.state = State::Stable;
        let members: Vec<u32> = self.members().collect();
        let owners: Vec<Option<u32>> = self.cursors.iter().map(|cursor| cursor.owner).collect();
        let before = if self.rules.protocol == Protocol::Eager { &self.target } else { &owners };
        self.target = assignor::assign(self.rules.assignor, &members, before);
        scene.answers.push(Answer::Rebalanced { group: self.number, generation: self.generation });
        for member in &members {
            let gets = |partition: &u32| self.target[*partition as usize] == Some(*member);
            let free = |partition: &u32| owners[*partition as usize].is_none_or(|owner| owner == *member);
            let list = (0..owners.len() as u32).filter(|partition| gets(partition) && free(partition)).collect();
            self.members[*member as usize].assigned = Some(list);
        }
        members.into_iter().for_each(|member| self.poll(member, scene));
    }

    // -- the broker-driven protocol ----------------------------------------------------------------------------------

    /// Says anew who shall have what; whom it concerns learns so by his next heartbeat.
    fn retarget<M: Copy>(&mut self, scene: &mut Scene<M>) {
        self.generation += 1;
        let members: Vec<u32> = self.members().collect();
        self.state = if members.is_empty() { State::Empty } else { State::Stable };
        self.target = assignor::assign(self.rules.assignor, &members, &self.target);
        scene.answers.push(Answer::Rebalanced { group: self.number, generation: self.generation });
        for member in members {
            let concerned = self.cursors.iter().zip(&self.target).any(|(cursor, target)| {
                let (has, shall) = (cursor.owner == Some(member), *target == Some(member));
                has != shall
            });
            if concerned {
                self.tell(member, scene.now);
            }
        }
    }

    fn tell(&mut self, member: u32, now: Instant) {
        let one = &mut self.members[member as usize];
        one.learns = one.learns.min(one.next_heartbeat(self.rules.heartbeat, now));
        let learns = one.learns;
        self.ring(learns);
    }

    /// A member lets go of what it shall not have, and takes what is free.
    fn reconcile<M: Copy>(&mut self, member: u32, scene: &mut Scene<M>) {
        let target = self.target.clone();
        let let_go = self.let_go(member, |partition| target[partition as usize] == Some(member));
        for partition in let_go {
            if let Some(next) = target[partition as usize] {
                self.tell(next, scene.now);
            }
        }
        for partition in (0..target.len() as u32).filter(|partition| target[*partition as usize] == Some(member)) {
            if self.cursors[partition as usize].owner.is_none() {
                self.take(member, partition, scene);
            }
        }
    }
}
