"""What a report states: findings read from Chinese and English text by rules."""
