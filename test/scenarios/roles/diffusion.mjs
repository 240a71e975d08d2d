// SPDX-License-Identifier: Apache-2.0
//
// Encoder, denoiser and decoder of an image: roles of diffusion.test.ts. The trace travels as JSON text among the
// metadata of the job, as between the roles of a diffusion server.
import { diffusion } from 'gpuspan/stages';

const metadata = (request) => JSON.stringify({ trace: request.carrier() });
const adopt = (tracer, text) => tracer.adopt(JSON.parse(text).trace);

export async function encoder({ tracer, does, send, receive }) {
  const request = tracer.request({ id: 'image-1', name: 'image' });
  does(request, diffusion.text_encode, { prompt_tokens: 12 });
  const dispatch = request.begin(diffusion.scheduler_dispatch);
  send('denoiser', metadata(request));
  request.end(dispatch);
  request.leave();
  const { pixels } = await receive();
  request.finish({ attributes: { pixels } });
}

export async function denoiser({ tracer, does, work, send, receive }) {
  const request = adopt(tracer, await receive());
  const denoise = request.begin(diffusion.denoise);
  for (const step of [0, 1, 2]) {
    const token = request.begin(diffusion.denoise_step);
    work();
    const computing = request.begin(diffusion.gpu_forward, denoise);
    work();
    request.end(computing, { step });
    request.end(token, { step });
  }
  request.end(denoise, { steps: 3 });
  does(request, diffusion.scheduler_dispatch);
  request.leave();
  send('decoder', metadata(request));
}

export async function decoder({ tracer, send, receive }) {
  const request = adopt(tracer, await receive());
  request.slice(diffusion.vae_decode, () => {});
  request.leave();
  send('encoder', { pixels: 4096 });
}
