import { accounts } from './en/accounts';
import { audit } from './en/audit';
import { border } from './en/border';
import { disaster } from './en/disaster';
import { exercises } from './en/exercises';
import { handover } from './en/handover';
import { past } from './en/past';
import { reports } from './en/reports';
import { reportFlow } from './en/report_flow';
import { common } from './en/common';
import { duty } from './en/duty';
import { field } from './en/field';
import { importing } from './en/importing';
import { inside } from './en/inside';
import { photos } from './en/photos';
import { plan } from './en/plan';
import { risk } from './en/risk';
import { roads } from './en/roads';
import { sheet } from './en/sheet';
import { statistics } from './en/statistics';
import { tips } from './en/tips';
import { warning } from './en/warning';
import { words } from './en/words';
import { work } from './en/work';
import { zone } from './en/zone';
import type { Texts } from './vi';

export const en = {
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
} satisfies Texts;
