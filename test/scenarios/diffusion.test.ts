// SPDX-License-Identifier: Apache-2.0
//
// Disaggregated diffusion: encoder, denoiser and decoder over three processes.
import { describe, expect, it } from 'vitest';
import { play } from './scenario';
import { drawTree, expectLink, expectWhole, one, requestsOf, tree } from './tree';

function playAtLevel(level: 2 | 3) {
  const options = { level } as const;
  return play('diffusion', {
    encoder: { role: 'encoder', options },
    denoiser: { role: 'denoiser' },
    decoder: { role: 'decoder' },
  });
}

describe('encoder, denoiser, decoder over three processes', () => {
  it('is one trace below one root, each worker linked to the slice that sent it the job', async () => {
    const { spans } = await playAtLevel(3);
    expectWhole(spans, ['image-1']);
    const root = requestsOf(spans)[0]!;
    expect(drawTree(spans, root, { attributes: ['step', 'steps', 'pixels'] })).toBe(
      tree(`
        image pixels=4096
          encoder
            text_encode
            scheduler_dispatch <- text_encode
          denoiser
            denoise steps=3 <- scheduler_dispatch
              denoise_step step=0
              gpu_forward step=0
              denoise_step step=1
              gpu_forward step=1
              denoise_step step=2
              gpu_forward step=2
            scheduler_dispatch <- denoise
          decoder
            vae_decode <- scheduler_dispatch
      `),
    );
    const dispatches = spans.filter(({ name }) => name === 'scheduler_dispatch');
    const [ofEncoder, ofDenoiser] = ['encoder', 'denoiser'].map((service) =>
      dispatches.find(({ resource }) => resource['service.name'] === service),
    );
    expectLink(one(spans, 'denoise'), ofEncoder!);
    expectLink(one(spans, 'vae_decode'), ofDenoiser!);
    expect(new Set(spans.map(({ resource }) => resource['process.pid'])).size).toBe(3);
  });

  it('keeps to the level of the encoder on all three: no span a step at level 2', async () => {
    const { spans } = await playAtLevel(2);
    expectWhole(spans, ['image-1']);
    expect(drawTree(spans, requestsOf(spans)[0]!)).toBe(
      tree(`
        image
          encoder
            text_encode
            scheduler_dispatch <- text_encode
          denoiser
            denoise <- scheduler_dispatch
              gpu_forward
              gpu_forward
              gpu_forward
            scheduler_dispatch <- denoise
          decoder
            vae_decode <- scheduler_dispatch
      `),
    );
  });
});
