/** All Vietnamese texts: the source of the keys. A value is a text or a function that makes one. */
import { accounts } from './vi/accounts';
import { audit } from './vi/audit';
import { border } from './vi/border';
import { disaster } from './vi/disaster';
import { exercises } from './vi/exercises';
import { handover } from './vi/handover';
import { past } from './vi/past';
import { reports } from './vi/reports';
import { reportFlow } from './vi/report_flow';
import { common } from './vi/common';
import { duty } from './vi/duty';
import { field } from './vi/field';
import { importing } from './vi/importing';
import { inside } from './vi/inside';
import { photos } from './vi/photos';
import { plan } from './vi/plan';
import { risk } from './vi/risk';
import { roads } from './vi/roads';
import { sheet } from './vi/sheet';
import { statistics } from './vi/statistics';
import { tips } from './vi/tips';
import { warning } from './vi/warning';
import { words } from './vi/words';
import { work } from './vi/work';
import { zone } from './vi/zone';

export const vi = {
  ...common,
  accounts,
  audit,
  border,
  disaster,
  exercises,
  handover,
  past,
  reports,
  reportFlow,
  duty,
  field,
  importing,
  inside,
  photos,
  plan,
  risk,
  roads,
  sheet,
  statistics,
  tips,
  warning,
  words,
  work,
  zone,
};
export type Texts = typeof vi;
