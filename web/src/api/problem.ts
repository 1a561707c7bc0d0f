/** What went wrong with a request, in the words of the server or, when none answered, in ours. */
import type { components } from './schema';

/** An `application/problem+json` answer; what stands between may have sent another one. */
type ProblemBody = Partial<components['schemas']['Problem']>;

/** `unreachable` and `timeout` are ours: nobody knows whether the request was carried out. */
export type LocalCode = 'unreachable' | 'timeout' | 'bad_answer' | 'no_post';

const LOCAL: Record<LocalCode, { vi: string; en: string }> = {
  unreachable: {
    vi: 'Không tới được máy chủ. Nội dung vẫn còn đây; gửi lại khi có liên lạc.',
    en: 'The server cannot be reached. Nothing is lost here; send again when the link is back.',
  },
  timeout: {
    vi: 'Máy chủ chưa trả lời kịp. Gửi lại không tạo bản thứ hai.',
    en: 'The server did not answer in time. Sending again will not make a second copy.',
  },
  bad_answer: {
    vi: 'Máy chủ trả lời không đúng dạng.',
    en: 'The server gave an answer that cannot be read.',
  },
  no_post: {
    vi: 'Không tìm ra cột cây số này trên đường đã ghi.',
    en: 'This kilometre post is not found on the road named.',
  },
};

export class Problem extends Error {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly code: string;
  readonly vi: string;
  readonly en: string;
  /** Place of the fault: a JSON pointer or a parameter. */
  readonly at: string | undefined;
  /** Further members: `allowed`, `present`, `candidates`. */
  readonly extra: Record<string, unknown>;

  private constructor(
    status: number,
    code: string,
    vi: string,
    en: string,
    at?: string,
    extra: Record<string, unknown> = {},
  ) {
    super(`${code}: ${en}`);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.vi = vi;
    this.en = en;
    this.at = at;
    this.extra = extra;
  }

  /** Reads a problem answer; any other body becomes `bad_answer` with its status. */
  static async of(response: Response): Promise<Problem> {
    let body: ProblemBody = {};
    try {
      body = (await response.json()) as ProblemBody;
    } catch {
      const text = `${response.status} ${response.statusText}`.trim();
      return new Problem(
        response.status,
        'bad_answer',
        `${LOCAL.bad_answer.vi} (${text})`,
        `${LOCAL.bad_answer.en} (${text})`,
      );
    }
    const fallback = body.detail ?? body.title ?? `HTTP ${response.status}`;
    return new Problem(
      response.status,
      body.code ?? 'internal',
      body.detail_vi ?? fallback,
      body.detail_en ?? fallback,
      body.at,
      body,
    );
  }

  static local(code: LocalCode): Problem {
    return new Problem(0, code, LOCAL[code].vi, LOCAL[code].en);
  }

  /** Whatever was thrown, as a problem. */
  static from(thrown: unknown): Problem {
    if (thrown instanceof Problem) return thrown;
    if (thrown instanceof DOMException && thrown.name === 'TimeoutError') return Problem.local('timeout');
    if (thrown instanceof TypeError) return Problem.local('unreachable');
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return new Problem(0, 'internal', text, text);
  }

  /** True when nobody knows whether the write was carried out: resend with the same key. */
  get isUnknownOutcome(): boolean {
    return this.status === 0 || this.status >= 500;
  }

  in(language: 'vi' | 'en'): string {
    return language === 'vi' ? this.vi : this.en;
  }
}
