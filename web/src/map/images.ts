/**
 * Draws the map's icons and hatches on a canvas when the map asks for one by name, so that there is no sprite to load
 * and every look has its own colours. Names: `unit|FORCE|MARK|AGE`, `incident|SEVERITY|ALARM`, `station|KIND`,
 * `shelter`, `shield`, `zone|LEVEL`, `commune`, `closure|closed`, `closure|slow`, `cutoff|now`, `cutoff|tried`.
 */
import type { Map as MapLibre } from 'maplibre-gl';
import type { Force, Severity } from '../api/types';
import { LEVEL_COLOURS, type Palette } from './palettes';
import * as symbols from './symbols';

/** Images are drawn twice as fine as a CSS pixel. */
const RATIO = 2;

type Pen = CanvasRenderingContext2D;

/** Lets the map draw its own images; `palette` is asked anew for each. */
export function provideImages(map: MapLibre, palette: () => Palette): void {
  map.setMissingStyleImageResolver((name) => {
    if (map.hasImage(name)) return;
    const image = draw(name, palette());
    if (image) map.addImage(name, image.data, { pixelRatio: RATIO, ...image.options });
  });
}

interface Drawn {
  data: ImageData;
  options?: object;
}

function draw(name: string, palette: Palette): Drawn | null {
  const [kind, a = '', b = '', c = ''] = name.split('|');
  switch (kind) {
    case 'unit':
      return onCanvas(24, (pen) =>
        drawUnit(pen, palette, a as Force, b as symbols.Mark, c as symbols.FixAge),
      );
    case 'incident':
      return onCanvas(30, (pen) => drawIncident(pen, palette, Number(a) as Severity, b === 'alarm'));
    case 'station':
      return onCanvas(16, (pen) => drawStation(pen, palette, a));
    case 'shelter':
      return onCanvas(16, (pen) => drawShelter(pen, palette));
    case 'zone':
      return hatch(12, LEVEL_COLOURS[Number(a) - 1] ?? palette.zonePlain, 1.7, palette.zoneRim);
    case 'commune':
      return hatch(10, palette.sevMiddle, 1);
    case 'closure':
      return onCanvas(26, (pen) => drawClosure(pen, palette, a === 'slow'));
    case 'cutoff':
      return onCanvas(26, (pen) => drawCutOff(pen, palette, a === 'tried'));
    case 'shield':
      return drawShield(palette);
    default:
      return null;
  }
}

function onCanvas(size: number, paint: (pen: Pen) => void): Drawn {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size * RATIO;
  const pen = canvas.getContext('2d') as Pen;
  pen.scale(RATIO, RATIO);
  paint(pen);
  return { data: pen.getImageData(0, 0, canvas.width, canvas.height) };
}

function drawUnit(pen: Pen, palette: Palette, force: Force, mark: symbols.Mark, age: symbols.FixAge): void {
  const look = symbols.unitLook(mark, age);
  const frame = new Path2D(symbols.FRAMES[force] ?? symbols.FRAMES.civil);
  pen.translate(1, 1);
  // A dark rim keeps the symbol apart from what lies under it in a dense scene.
  pen.strokeStyle = palette.halo;
  pen.lineWidth = look.edgeWidth + 2.4;
  pen.lineJoin = 'round';
  pen.stroke(frame);
  if (look.fill) {
    pen.fillStyle = palette[look.fill];
    pen.globalAlpha = look.opacity;
    pen.fill(frame);
    pen.globalAlpha = 1;
  }
  pen.strokeStyle = palette[look.edge];
  pen.lineWidth = look.edgeWidth;
  if (look.isDashed) pen.setLineDash([3, 2.2]);
  pen.stroke(frame);
  pen.setLineDash([]);
  const y = symbols.MIDDLE_Y[force] ?? 11;
  if (look.inner) {
    const { path, isStroke } = symbols.innerPath(look.inner, y);
    pen.strokeStyle = pen.fillStyle = palette[look.innerColour];
    pen.lineWidth = 2;
    pen.lineCap = 'round';
    if (isStroke) pen.stroke(new Path2D(path));
    else pen.fill(new Path2D(path));
  }
  if (age === 'post') {
    // Without a fix the unit stands at its post: the small foot says so.
    pen.strokeStyle = palette.unitEdge;
    pen.lineWidth = 1.6;
    pen.stroke(new Path2D('M5.5 21.4h11'));
  }
}

/** Closed is an octagon with a cross, slow a triangle on its tip: told apart without colour. */
function drawClosure(pen: Pen, palette: Palette, isSlow: boolean): void {
  const sign = new Path2D(isSlow ? symbols.SLOW_SIGN : symbols.CLOSED_SIGN);
  pen.translate(2, 2);
  pen.lineJoin = pen.lineCap = 'round';
  pen.strokeStyle = palette.halo;
  pen.lineWidth = 4.4;
  pen.stroke(sign);
  pen.fillStyle = isSlow ? palette.sevGround : palette.closure;
  pen.fill(sign);
  pen.strokeStyle = palette.closure;
  pen.lineWidth = 2.4;
  pen.stroke(sign);
  pen.strokeStyle = isSlow ? palette.closure : palette.halo;
  pen.lineWidth = isSlow ? 2.2 : 3;
  pen.stroke(new Path2D(isSlow ? symbols.SLOW_MARK : symbols.CLOSED_MARK));
}

/** A ring of two halves around a dot: nothing leads in. Dashed for what is only tried. */
function drawCutOff(pen: Pen, palette: Palette, isTried: boolean): void {
  pen.translate(2, 2);
  const ring = new Path2D(symbols.CUT_OFF_RING);
  const dot = new Path2D(symbols.CUT_OFF_DOT);
  pen.lineCap = 'butt';
  pen.strokeStyle = palette.halo;
  pen.lineWidth = 5.4;
  pen.stroke(ring);
  pen.lineWidth = 3;
  pen.stroke(dot);
  pen.strokeStyle = pen.fillStyle = palette.closure;
  if (isTried) pen.setLineDash([2.4, 2]);
  pen.stroke(ring);
  pen.setLineDash([]);
  if (isTried) {
    pen.lineWidth = 1.8;
    pen.stroke(dot);
  } else pen.fill(dot);
}

function drawIncident(pen: Pen, palette: Palette, severity: Severity, isAlarm: boolean): void {
  const look = symbols.severityLook(severity || null, isAlarm);
  pen.translate(1.5, 1.5);
  pen.scale(27 / 22, 27 / 22);
  const diamond = new Path2D(symbols.DIAMOND);
  pen.lineJoin = 'round';
  pen.strokeStyle = palette.halo;
  pen.lineWidth = look.edgeWidth + 2.4;
  pen.stroke(diamond);
  pen.fillStyle = palette[look.fill];
  pen.fill(diamond);
  pen.strokeStyle = palette[look.edge];
  pen.lineWidth = look.edgeWidth;
  if (look.isDashed) pen.setLineDash([2.6, 2]);
  pen.stroke(diamond);
  if (look.hasInner) {
    pen.fillStyle = palette.sevStrong;
    pen.fill(new Path2D(symbols.DIAMOND_CORE));
  }
}

const FLAG = 'M5 15V2M5 2.4l8 2.6-8 2.8';

function drawStation(pen: Pen, palette: Palette, kind: string): void {
  pen.strokeStyle = palette.stationLine;
  pen.fillStyle = palette.stationFill;
  pen.lineWidth = 1.3;
  pen.lineJoin = 'round';
  switch (kind) {
    case 'border_post':
    case 'control_station':
      pen.fill(new Path2D(FLAG));
      pen.stroke(new Path2D(FLAG));
      break;
    case 'border_gate':
    case 'border_opening':
      pen.stroke(new Path2D('M3 14V4.5h10V14M3 8h10'));
      break;
    case 'border_marker':
      pen.fill(new Path2D('M6 14l1-10h2l1 10z'));
      break;
    default:
      pen.strokeRect(4, 5, 8, 8);
  }
}

function drawShelter(pen: Pen, palette: Palette): void {
  pen.strokeStyle = palette.shelter;
  pen.fillStyle = palette.halo;
  pen.lineWidth = 1.6;
  pen.lineJoin = 'round';
  const house = new Path2D('M2.5 8L8 2.8 13.5 8v5.6h-11z');
  pen.fill(house);
  pen.stroke(house);
}

/** Diagonal lines that continue from one square to the next. */
function hatch(size: number, colour: string, width: number, rim?: string): Drawn {
  return onCanvas(size, (pen) => {
    const lines = (strokeStyle: string, lineWidth: number, alpha: number) => {
      pen.strokeStyle = strokeStyle;
      pen.lineWidth = lineWidth;
      pen.globalAlpha = alpha;
      for (const shift of [-size, 0, size]) {
        pen.beginPath();
        pen.moveTo(shift - 2, size + 2);
        pen.lineTo(shift + size + 2, -2);
        pen.stroke();
      }
    };
    if (rim) lines(rim, width + 1.2, 0.55);
    lines(colour, width, 0.85);
  });
}

/** A box that stretches around a road's sign. */
function drawShield(palette: Palette): Drawn {
  const drawn = onCanvas(16, (pen) => {
    pen.fillStyle = palette.shieldFill;
    pen.strokeStyle = palette.roadMain;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.roundRect(1.5, 1.5, 13, 13, 3);
    pen.fill();
    pen.stroke();
  });
  const stretch = [[5 * RATIO, 11 * RATIO]];
  const content = [3 * RATIO, 3 * RATIO, 13 * RATIO, 13 * RATIO];
  return { data: drawn.data, options: { stretchX: stretch, stretchY: stretch, content } };
}
