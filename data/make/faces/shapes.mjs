// Parts that are redrawn or added here, in the 64 x 64 drawing's own coordinates (head) or in the
// part's (the rest): { kind: { name: { role: { cover: [svg], tone: [svg] } } } }.
const HEAD = 'M37 46.08V52a5 5 0 0 1-10 0v-5.92A14.04 14.04 0 0 1 18.58 37h-.08a4.5 4.5 0 0 1'
  + '-.5-8.97V27a14 14 0 1 1 28 0v1.03a4.5 4.5 0 0 1-.58 8.97A14.04 14.04 0 0 1 37 46.08Z';
const FACE = 'M32 13a14 14 0 0 1 14 14v6a14 14 0 1 1-28 0v-6a14 14 0 0 1 14-14Z';
const path = (d, paint = 'fill="#fff"') => `<path d="${d}" ${paint}/>`;
const disc = (x, y, r, paint = 'fill="#fff"') => `<circle cx="${x}" cy="${y}" r="${r}" ${paint}/>`;
const line = (d, width) => path(d, `fill="none" stroke="#fff" stroke-width="${width}"
  stroke-linecap="round" stroke-linejoin="round"`);
const light = (opacity) => `fill="#fff" fill-opacity="${opacity}"`;
const dark = (opacity) => `fill="#000" fill-opacity="${opacity}"`;

// Head and neck as in Personas; the neck and the ears lie in shade.
export const head = {
  plain: { skin: {
    cover: [path(HEAD)],
    tone: [path('M0 0h64v64H0Z', dark(0.34)), path(FACE, 'fill="#808080"'),
      path('M27 46.08a14 14 0 0 0 10 0v3.2a12 12 0 0 1-10 0Z', dark(0.3))],
  } },
  // Close the gap between a turned neck and the neckline; as high as each garment's.
  ...Object.fromEntries(Object.entries({ squared: 49, checkered: 49, rounded: 51, small: 46.2 })
    .map(([garment, top]) => [`collar_${garment}`, { skin: {
      cover: [path(`M26.3 ${top}h11.4V52a5.7 5.7 0 0 1-11.4 0Z`)],
      tone: [path('M0 0h64v64H0Z', dark(0.34))],
    } }])),
};

const pupil = (x) => disc(x, 4.5, 1.9);
const iris = (x) => disc(x, 4.5, 1.05, dark(0.75));
const glint = (x) => disc(x, 3.8, 0.62, light(1));
const everywhere = 'M-9-9h99v99h-99Z';
const inked = path(everywhere, dark(0.6));
const oval = (ry, rx, cy, paint) => `<ellipse cx="9" cy="${cy}" rx="${rx}" ry="${ry}" ${paint}/>`;
const MOUTH_OPEN = 'M5.4 2.8h7.2v1.1a3.6 3.6 0 0 1-7.2 0Z';
const GRIN = 'M5 3c1.2.5 2.6.7 4 .7s2.8-.2 4-.7v.4a3.6 3.6 0 0 1-3.6 3.6h-.8A3.6 3.6 0 0 1 5 3.4Z';
const UPPER_LIP = 'M5.39 4.22A2.1 2.1 0 0 1 9 4a2.1 2.1 0 0 1 3.61.22l.4.85H4.99l.39-.85Z';
const FULL_BEARD = 'm12.47 9.46 2.43-.83A2.5 2.5 0 0 1 18 10a2.5 2.5 0 0 1 3.1-1.37l2.43.83A18.65 '
  + '18.65 0 0 0 32 2.7V9A14 14 0 1 1 4 9V2.7c2.05 2.94 5 5.43 8.47 6.76Z';
const BELOW_MOUSTACHE = 'M32 9V2.7c-2.05 2.94-5 5.43-8.47 6.76l2.8.96a1 1 0 0 1-.07 1.91l-5.08 1.3'
  + 'A2.71 2.71 0 0 1 18 12.05a2.72 2.72 0 0 1-3.18 1.58l-5.08-1.3a1 1 0 0 1-.08-1.91l2.81-.96'
  + 'A18.65 18.65 0 0 1 4 2.7V9a14 14 0 1 0 28 0Z';
const LEFT_LENS = 'M23 26.6h7.4v4.2a2.4 2.4 0 0 1-2.4 2.4h-2.6a2.4 2.4 0 0 1-2.4-2.4Z';
const RIGHT_LENS = 'M33.6 26.6H41v4.2a2.4 2.4 0 0 1-2.4 2.4H36a2.4 2.4 0 0 1-2.4-2.4Z';
const SHADES = 'M22.2 25.6h8.6q1.2.5 2.4 0h8.6v4a4.4 4.4 0 0 1-4.4 4.4h-.6a4.4 4.4 0 0 1-4.3-3.8'
  + 'q-.5-.9-1 0a4.4 4.4 0 0 1-4.3 3.8h-.6a4.4 4.4 0 0 1-4.4-4.4Z';
const FADE_LEFT = 'M16 27v-2a14 14 0 0 1 7.5-12.4v.14c.09 1.68.16 3.3-.4 4.53-.7 1.57-1.78 2.45'
  + '-2.72 3.21l-.62.52c-.7.61-2.44 2.49-3.76 6Z';
const FADE_RIGHT = 'M44 27v-2a14 14 0 0 0-7.5-12.4v.14c-.09 1.68-.16 3.3.4 4.53.7 1.57 1.78 2.45 '
  + '2.72 3.21l.62.52c.7.61 2.44 2.49 3.76 6Z';
const FADE_TOP = 'M22.3 17.95c0-3.6 2.72-6.63 6.3-7L38 10a6.84 6.84 0 0 1-6.49 9h-8.15c-.58 0-1.05'
  + '-.47-1.05-1.05Z';
const FADE_LIT = 'M22.3 17.95c0-3.6 2.72-6.63 6.3-7L38 10a6.84 6.84 0 0 1-1 3.6q-4 2.6-14 2.6Z';

export const drawn = {
  // Personas' eyes, a little larger, with a pupil and a light in them.
  eyes: {
    open: { eye: {
      cover: [pupil(5.5), pupil(18.5)],
      tone: [iris(5.5), iris(18.5), glint(6.1), glint(19.1)],
    } },
    wide: { eye: {
      cover: [disc(5.5, 4.5, 2.5), disc(18.5, 4.5, 2.5)],
      tone: [disc(5.5, 4.5, 2.5, light(1)), disc(18.5, 4.5, 2.5, light(1)),
        disc(5.7, 4.6, 1.7, 'fill="#808080"'), disc(18.3, 4.6, 1.7, 'fill="#808080"'),
        disc(5.7, 4.6, 0.9, dark(0.75)), disc(18.3, 4.6, 0.9, dark(0.75)),
        disc(6.2, 4, 0.5, light(1)), disc(18.8, 4, 0.5, light(1))],
    } },
    wink: { eye: {
      cover: [pupil(5.5), line('M16.4 4.9l4.6-.6', 1.7)],
      tone: [path('M12-9h30v40H12Z', dark(0.6)), iris(5.5), glint(6.1)],
    } },
    sleep: { eye: {
      cover: [line('M3.4 4.2q2.4 1.9 4.8 0', 1.8), line('M15.8 4.2q2.4 1.9 4.8 0', 1.8)],
      tone: [inked],
    } },
    happy: { eye: {
      cover: [line('M3.6 5.4q2.2-3.6 4.4 0', 1.8), line('M16 5.4q2.2-3.6 4.4 0', 1.8)],
      tone: [inked],
    } },
  },
  mouth: {
    bigSmile: { mouth: {
      cover: [path(MOUTH_OPEN), line(MOUTH_OPEN, 1)], tone: [path(MOUTH_OPEN, light(1))],
    } },
    grin: { mouth: { cover: [path(GRIN), line(GRIN, 1)], tone: [path(GRIN, light(1))] } },
    surprise: { mouth: {
      cover: [oval(2.8, 2.3, 5, 'fill="#fff"')], tone: [oval(1.9, 1.4, 5.1, dark(0.8))],
    } },
    lips: { mouth: {
      cover: [path('M5 5h8s-1 2.5-4 2.5S5 5 5 5Z'), path(UPPER_LIP)],
      tone: [path(UPPER_LIP, light(0.35))],
    } },
  },
  // Without the white mouth that the original carries: mouths are drawn over beards.
  beard: {
    beardMustache: { beard: {
      cover: [path(FULL_BEARD)], tone: [path(BELOW_MOUSTACHE, light(0.26))],
    } },
  },
  // Clear glasses are frames only; the lenses of sunglasses are opaque.
  glasses: {
    square: { glasses: {
      cover: [line(LEFT_LENS + RIGHT_LENS, 1.3),
        line('M30.4 27.4h3.2M23 27.2l-3.6-.8M41 27.2l3.6-.8', 1.3)],
      tone: [],
    } },
    round: { glasses: {
      cover: [line('M25.5 24.9a4.1 4.1 0 1 0 .01 0ZM38.5 24.9a4.1 4.1 0 1 0 .01 0Z', 1.2),
        line('M29.6 28.6q2.4-1.5 4.8 0M21.4 28.2l-2.4-.6M42.6 28.2l2.4-.6', 1.2)],
      tone: [],
    } },
    sun: { glasses: {
      cover: [path(SHADES), line('M22.6 26.2l-3.6-.4M41.4 26.2l3.6-.4', 1.2)],
      tone: [path('M24 27.2h2.6l-3 4.4q-.6-1-.6-2.4ZM36.6 27.2h2.6l-3.6 5q-1-.9-1.2-2Z',
        light(0.4))],
    } },
  },
  // The sides of "fade", opaque.
  hair: {
    fade: { hair: {
      cover: [path(FADE_LEFT), path(FADE_RIGHT), path(FADE_TOP),
        path('M21 18l2.4-5.1 6-1.9v7l-6.8 1.4Z')],
      tone: [path(everywhere, dark(0.4)), path(FADE_TOP, 'fill="#808080"'),
        path(FADE_LIT, light(0.26))],
    } },
  },
};
