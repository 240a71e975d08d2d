// SPDX-License-Identifier: Apache-2.0
//
// Roles that go wrong: what scenario.test.ts plays to see that a scenario can fail.

export async function waitsForNothing({ receive }) {
  await receive();
}

export async function throws() {
  throw new Error('out of memory');
}

export async function sendsToNobody({ send, receive }) {
  send('nobody', {});
  await receive();
}

export async function endsTwice({ tracer, send }) {
  const request = tracer.request({ id: 'twice' });
  request.finish();
  request.finish();
  send('other', { trace: request.carrier() });
}

export async function takesOne({ receive }) {
  await receive();
}
