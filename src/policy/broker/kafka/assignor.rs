//! Who reads what: each partition is read by one member, and members beyond the number of partitions idle (Apache Kafka documentation,
//! `partition.assignment.strategy`).

use super::rules::Assignor;

/// The owner of each partition, as an index into `members`; none only if there are no members. `before`: the owners until now, of
/// which the sticky assignor keeps as many as balance allows. Members come in the order of their identities, each once.
pub fn assign(assignor: Assignor, members: &[u32], before: &[Option<u32>]) -> Vec<Option<u32>> {
    let (partitions, count) = (before.len(), members.len());
    if count == 0 {
        return vec![None; partitions];
    }
    match assignor {
        Assignor::Range => range(members, partitions),
        Assignor::RoundRobin => (0..partitions).map(|partition| Some(members[partition % count])).collect(),
        Assignor::Sticky => sticky(members, before),
    }
}

/// The first members get one more if it does not come out even.
fn range(members: &[u32], partitions: usize) -> Vec<Option<u32>> {
    let (each, more) = (partitions / members.len(), partitions % members.len());
    let share = |place: usize| each + usize::from(place < more);
    members.iter().enumerate().flat_map(|(place, member)| std::iter::repeat_n(Some(*member), share(place))).collect()
}

fn sticky(members: &[u32], before: &[Option<u32>]) -> Vec<Option<u32>> {
    let (each, mut more) = (before.len() / members.len(), before.len() % members.len());
    let mut owners = vec![None; before.len()];
    let mut room = Vec::with_capacity(members.len());
    // Who has much keeps what the balance leaves him.
    for member in members {
        let owned = before.iter().enumerate().filter(|(_, owner)| **owner == Some(*member)).map(|(partition, _)| partition);
        let owned: Vec<usize> = owned.collect();
        let keeps_more = owned.len() > each && more > 0;
        more -= usize::from(keeps_more);
        let kept = owned.len().min(each + usize::from(keeps_more));
        owned[..kept].iter().for_each(|partition| owners[*partition] = Some(*member));
        room.push((each + usize::from(keeps_more)) - kept);
    }
    // Who has little gets the rest: up to the even share first, then one more each for who is not over it yet.
    let mut free = (0..before.len()).filter(|partition| owners[*partition].is_none()).collect::<Vec<_>>().into_iter();
    let mut gifts = Vec::new();
    for (member, room) in members.iter().zip(&room) {
        gifts.extend(free.by_ref().take(*room).map(|partition| (partition, *member)));
    }
    let mut full: Vec<usize> = members.iter().map(|member| count_of(&owners, *member)).collect();
    for (_, member) in &gifts {
        full[members.iter().position(|other| other == member).unwrap_or(0)] += 1;
    }
    let even = members.iter().zip(&full).filter(|(_, full)| **full == each).map(|(member, _)| *member);
    gifts.extend(free.zip(even));
    gifts.into_iter().for_each(|(partition, member)| owners[partition] = Some(member));
    owners
}

fn count_of(owners: &[Option<u32>], member: u32) -> usize {
    owners.iter().filter(|owner| **owner == Some(member)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Assignor::*;

    /// Owners as digits, `-` for none.
    fn picture(owners: &[Option<u32>]) -> String {
        owners.iter().map(|owner| owner.map_or('-', |member| char::from_digit(member, 10).unwrap_or('?'))).collect()
    }

    fn owners(picture: &str) -> Vec<Option<u32>> {
        picture.chars().map(|owner| owner.to_digit(10)).collect()
    }

    #[test]
    fn partitions_are_shared_as_each_assignor_shares_them() {
        for (assignor, members, before, after) in [
            (Range, vec![1, 2], "-------", "1111222"),
            (Range, vec![1, 2, 3], "3333333", "1112233"),
            (RoundRobin, vec![1, 2, 3], "-------", "1231231"),
            (Sticky, vec![1, 2], "------", "111222"),
            (Sticky, vec![1, 2, 3], "111222", "113223"),
            (Sticky, vec![1, 3], "112233", "111333"),
            (Sticky, vec![1, 2, 3, 4], "1122333", "1122334"),
            (Sticky, vec![2], "1122", "2222"),
            // More members than partitions: the others idle.
            (Range, vec![1, 2, 3], "--", "12"),
            (RoundRobin, vec![1, 2, 3], "--", "12"),
            (Sticky, vec![1, 2, 3], "33", "31"),
            (Sticky, vec![], "11", "--"),
        ] {
            assert_eq!(picture(&assign(assignor, &members, &owners(before))), after, "{assignor:?} {members:?} {before}");
        }
    }

    #[test]
    fn every_assignor_balances_and_the_sticky_one_moves_no_more_than_that_takes() {
        let mut state = 1_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..2_000 {
            let partitions = 1 + random(12) as usize;
            let before: Vec<Option<u32>> = (0..partitions).map(|_| random(6).checked_sub(1)).collect();
            let members: Vec<u32> = (0..6).filter(|_| random(2) == 0).collect();
            let Some(count) = (!members.is_empty()).then_some(members.len()) else { continue };
            for assignor in [Range, RoundRobin, Sticky] {
                let after = assign(assignor, &members, &before);
                for member in &members {
                    let share = count_of(&after, *member);
                    assert!((partitions / count..=partitions.div_ceil(count)).contains(&share), "{assignor:?} {members:?} {before:?}");
                }
                assert!(after.iter().all(|owner| owner.is_some_and(|owner| members.contains(&owner))));
            }
            // A partition changes hands only if its owner has gone or had more than its share.
            let after = assign(Sticky, &members, &before);
            for member in &members {
                let had = count_of(&before, *member);
                let kept = before.iter().zip(&after).filter(|(b, a)| **b == Some(*member) && a == b).count();
                assert!(kept >= had.min(partitions / count), "{members:?} {before:?} {after:?}");
            }
        }
    }
}
