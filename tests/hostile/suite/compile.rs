//! Components that are cheap to send and dear to compile: in the binary form, since the text of them would be dearer still.

/// A number as the binary format writes it.
pub(crate) fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

pub(crate) fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(contents.len()), contents].concat()
}

/// A component of one core module with these functions, all from two numbers to one.
fn component(bodies: &[Vec<u8>]) -> Vec<u8> {
    let count = leb(bodies.len());
    let code: Vec<u8> = bodies.iter().flat_map(|body| [leb(body.len()), body.clone()].concat()).collect();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 2, 0x7e, 0x7e, 1, 0x7e]),
        section(3, &[count.clone(), vec![0; bodies.len()]].concat()),
        section(10, &[count, code].concat()),
    ]
    .concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module)].concat()
}

/// One function of very many steps, each of which needs the one before.
pub(crate) fn chain(steps: usize) -> Vec<u8> {
    let body = [&[0][..], &[0x20, 0, 0x20, 1, 0x7c, 0x21, 0].repeat(steps), &[0x20, 0, 0x0b]].concat();
    component(&[body])
}

/// One function of very many branches, each out of a block of its own.
pub(crate) fn branches(count: usize) -> Vec<u8> {
    // block; local.get 0; i32.wrap_i64; br_table with a thousand places; end
    let table = [&[0x02, 0x40, 0x20, 0, 0xa7, 0x0e][..], &leb(1_000), &[0; 1_000], &[0, 0x0b]].concat();
    let body = [&[0][..], &table.repeat(count / 1_000), &[0x20, 0, 0x0b]].concat();
    component(&[body])
}

/// Very many functions.
pub(crate) fn functions(count: usize) -> Vec<u8> {
    let body = [&[0][..], &[0x20, 0, 0x20, 1, 0x7c, 0x21, 0].repeat(40), &[0x20, 0, 0x0b]].concat();
    component(&vec![body; count])
}

/// Functions of as many locals as there may be, all of which live to the end.
pub(crate) fn locals(count: usize) -> Vec<u8> {
    let index = |n: usize| leb(n + 2);
    let set = (0..count).flat_map(|n| [vec![0x20, 0, 0x20, 1, 0x7c, 0x22], index(n), vec![0x21, 0]].concat());
    let sum = (0..count).flat_map(|n| [vec![0x20], index(n), vec![0x20, 0, 0x7c, 0x21, 0]].concat());
    let body = [vec![1], leb(count), vec![0x7e], set.collect(), sum.collect(), vec![0x20, 0, 0x0b]].concat();
    component(&vec![body; 20])
}
